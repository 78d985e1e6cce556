"""Which granted permissions are made use of while a request is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_used: ContextVar[set[str] | None] = ContextVar("used_permissions", default=None)


@contextmanager
def noting_use() -> Iterator[set[str]]:
    """Collect the granted permissions that are made use of inside the block."""
    used: set[str] = set()
    token = _used.set(used)
    try:
        yield used
    finally:
        _used.reset(token)


def note_use(perm: str) -> None:
    """Add `perm` to the permissions that `noting_use` collects, where it is collecting."""
    if (used := _used.get()) is not None:
        used.add(perm)
