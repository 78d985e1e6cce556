"""Many doing the same at the same instant, each on a connection of their own; for transactional tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

from apps.errors import DomainError


def at_once(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each returned, or the domain error that it raised."""
    start = Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return action()
        except DomainError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def won(results: Sequence[Any]) -> list[Any]:
    return [result for result in results if not isinstance(result, Exception)]


def lost(results: Sequence[Any]) -> set[tuple[type, str]]:
    """The kinds and codes of the refusals."""
    return {(type(result), result.code) for result in results if isinstance(result, DomainError)}
