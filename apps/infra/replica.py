"""Reads that may be a few seconds old, from a replica where one is set and keeps up; else from the primary.

Only calls by no user are read there: those who have just written something see it at once, since they are signed in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from apps.infra import metrics
from apps.infra.database import AWAY

logger = logging.getLogger(__name__)

ALIAS = "replica"
# Seconds between two looks at how far it is behind, and for which one that failed is left alone.
LOOK_EVERY = 2.0
LEAVE_ALONE = 10.0
# Where it has replayed all that it received, from a primary that it still hears, it is behind by nothing.
LAG = """
    SELECT CASE
        WHEN NOT pg_is_in_recovery() THEN 'infinity'
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
        ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 'infinity')
    END::float8
"""


class _State:
    look_at = float("-inf")
    is_usable = False


_state = _State()


def read[T](call: Callable[[], T], *, has_failed: Callable[[T], bool]) -> T:
    """The result of `call`, which writes nothing: from the replica, or once more from the primary where that fails."""
    if ALIAS not in settings.DATABASES or not _is_usable():
        return call()
    try:
        with _in_place_of_primary():
            result = call()
        if not has_failed(result):
            return result
        _note(usable=False, why="a call failed")
    except AWAY as error:
        _note(usable=False, why=type(error).__name__)
    return call()


@contextmanager
def _in_place_of_primary() -> Iterator[None]:
    """In this thread, whatever asks for the default connection gets the replica's."""
    primary = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connections[ALIAS]
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = primary


def _is_usable() -> bool:
    if time.monotonic() < _state.look_at:
        return _state.is_usable
    _state.look_at = time.monotonic() + LOOK_EVERY  # one thread looks, the others go by the last time
    try:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(LAG)
            [lag] = cursor.fetchone() or (float("inf"),)
    except AWAY as error:
        _note(usable=False, why=type(error).__name__)
    else:
        metrics.REPLICA_LAG.set(lag)
        _note(usable=lag <= settings.REPLICA_LAG_SECONDS, why=f"{lag:.0f} s behind")
    return _state.is_usable


def _note(*, usable: bool, why: Any) -> None:
    if _state.is_usable and not usable:
        logger.warning("The replica is not used for now (%s): the primary answers.", why)
        _state.look_at = time.monotonic() + LEAVE_ALONE
    _state.is_usable = usable
