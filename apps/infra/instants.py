"""Points in time, as commands are given them."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime


def instant(text: str) -> datetime:
    """A time with its zone, as "2026-11-29 03:10:00+01:00". Raises `ArgumentTypeError`, also without a zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ArgumentTypeError(f"“{text}” is not a time with its zone, such as “2026-11-29 03:10:00+01:00”.")
    return found
