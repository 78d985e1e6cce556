"""Where the current request comes from, for history and audit. Each entry point sets it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Origin:
    request_id: str = ""
    address: str | None = None
    traceparent: str = ""
    """The span that the request or job is, for what it asks for; see `apps.infra.tracing`."""
    keys: dict[int, bytes] = field(default_factory=dict, compare=False, repr=False)
    """Keys of persons that were read together with who asks, see `encryption.py`."""


NOWHERE = Origin()
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def origin() -> Origin:
    return _origin.get()


def remember_key(person: int, key: bytes | None) -> None:
    """Keep the key of a person, which is committed, for the rest of the request."""
    if key is not None and (where := origin()) is not NOWHERE:
        where.keys[person] = bytes(key)


@contextmanager
def coming_from(request_id: str, address: str | None, traceparent: str = "") -> Iterator[None]:
    """Set the origin of everything that is recorded inside the block."""
    token = _origin.set(Origin(request_id, address, traceparent))
    try:
        yield
    finally:
        _origin.reset(token)
