"""PostgreSQL and Valkey from wheels: for `make run`, `manage.py` and the tests, never for production.

Both listen on Unix sockets in one folder that only their user (and root) can enter, so they need
neither password nor port, and their addresses are known before they run. Any number of processes
share a pair: each has a shared lock on it, and the last one out stops the servers. Whatever a
killed process leaves behind is healed by the next one that joins.

DATABASE_URL and REDIS_URL put other servers in their place.
"""
