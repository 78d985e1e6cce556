"""What the seed writes, table by table, in the order of their foreign keys."""
