"""Base backups, archived WAL and restores, by PostgreSQL's own programs: see docs/restore.md.

A rehearsal by `make rehearse` and one of production restore and check by the same code.
"""
