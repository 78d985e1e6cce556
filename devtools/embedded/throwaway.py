"""A pair for one run of tests or benchmarks, gone at its end."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from devtools.embedded import ownership
from devtools.embedded.pair import Pair

LOCK = "run.lock"
"""A run has a lock on this file for life."""


@contextmanager
def throwaway(*, durable: bool = False, settings: Mapping[str, str] | None = None) -> Iterator[Pair]:
    """A pair for one run of tests or benchmarks, gone at its end; clears away those of killed runs first.

    A run locks a file in its folder for life, before the folder bears a name that others search for.
    `settings` are further ones of PostgreSQL. Raises `Unavailable`.
    """
    for home in ownership.ELSEWHERE.glob("infloo-test-*"):
        with suppress(OSError):
            _clear_away(home)
    made = Path(tempfile.mkdtemp(prefix="infloo-new-", dir=ownership.ELSEWHERE))
    lock = os.open(made / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    pair = Pair(made.rename(made.with_name(made.name.replace("new", "test", 1))), durable=durable, settings=settings)
    try:
        with pair.running():
            yield pair
    finally:
        shutil.rmtree(pair.home)
        os.close(lock)


def _clear_away(home: Path) -> None:
    """Stop and remove the throwaway pair there, unless its run lives."""
    lock = os.open(home / LOCK, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Pair(home).stop()
        shutil.rmtree(home)
    finally:
        os.close(lock)
