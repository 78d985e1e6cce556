"""What says that the database is away, full or out of connections, and not that a statement was wrong."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

AWAY = (OperationalError, InterfaceError, PoolTimeout)
RETRY_AFTER = "5"
"""Seconds until those who were turned away may try again, as a header has it."""
