"""Which trace the present work belongs to, after W3C Trace Context: for the lines of the log, and for a collector of
traces where one is set.

Without a collector a span is two random numbers, and nothing is kept of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Protocol

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


@dataclass(slots=True)
class Span:
    trace_id: str
    span_id: str
    is_sampled: bool = True
    open: Any = None
    """What the collector's library knows of it, if one is set."""

    @property
    def traceparent(self) -> str:
        """As the header of this name has it, for what this span asks for."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"

    def name(self, name: str, **attributes: str | int) -> None:
        """Say what it turned out to be. No value here comes from a person."""
        if self.open is not None:
            self.open.update_name(name)
            self.open.set_attributes(attributes)


class Tracer(Protocol):
    def span(self, kind: str, name: str, traceparent: str) -> Any:
        """A context manager of the `Span`."""


_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Have spans kept by `tracer` from now on."""
    global _tracer  # noqa: PLW0603  # one for the process
    _tracer = tracer


def is_used() -> bool:
    return _tracer is not None


@contextmanager
def span(kind: str, name: str, traceparent: str = "") -> Iterator[Span]:
    """Work of a `kind` (server, consumer): a span of the trace that `traceparent` names, or of a new one."""
    if _tracer is None:
        given = TRACEPARENT.fullmatch(traceparent)
        yield Span(given[1], token_hex(8), bool(int(given[3], 16) & 1)) if given else Span(token_hex(16), token_hex(8))
        return
    with _tracer.span(kind, name, traceparent if TRACEPARENT.fullmatch(traceparent) else "") as opened:
        yield opened
