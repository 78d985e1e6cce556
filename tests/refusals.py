"""Refusals of services, checked by class and code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.errors import DomainError


def refused(kind: type[DomainError], code: str, action: Callable[[], object]) -> DomainError:
    """Check that the action is refused with that error and code; returns the error."""
    with pytest.raises(kind) as caught:
        action()
    assert caught.value.code == code
    return caught.value
