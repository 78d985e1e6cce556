"""Pictures and documents of users who do not exist: drawn by us, the same each time for the same seed."""
