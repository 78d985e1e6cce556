"""Django's backend for PostgreSQL, save that a server that was just found dead is not waited for again.

Without it a call would wait twice: for its statement, and for another connection, which Django opens at the end of a
transaction whose connection was lost. Threads would be full of callers who wait, and the next would wait for those.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

from config import silence


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Raises `psycopg.OperationalError`, at once while the server counts as dead."""
        with silence.taking_turns(self.pool):
            return super().get_new_connection(conn_params)
