"""Many cases on one scene: what one of them does is gone before the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction


@contextmanager
def undone() -> Iterator[None]:
    """Roll back what is written within; what was there before stays for the next case."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
