"""The role that owns the tables of the database. What serves goes by the application's role, which owns nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection


def has_own_role() -> bool:
    """Whether the settings name another role for the owner than for the application."""
    return bool(settings.OWNER_DATABASE["USER"] != settings.DATABASES["default"]["USER"])


@contextmanager
def as_owner() -> Iterator[None]:
    """Let this thread's connection be the owner's, past the pool. Raises `TransactionManagementError` inside a
    transaction."""
    before = connection.settings_dict
    if before.get("IS_OWNER"):
        yield
        return
    connection.validate_no_atomic_block()
    connection.close()
    options = {"prepare_threshold": before["OPTIONS"]["prepare_threshold"], **settings.OWNER_DATABASE["OPTIONS"]}
    connection.settings_dict = {**before, **settings.OWNER_DATABASE, "OPTIONS": options, "IS_OWNER": True}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before
