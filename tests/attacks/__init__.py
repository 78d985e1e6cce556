"""What attackers try, at every entry point: as loops over the schema of the API and the tables of the console."""
