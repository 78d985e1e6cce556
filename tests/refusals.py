"""Refusals of services, checked by class and code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.errors import DomainError
from tests.drawn import upload


def refused(kind: type[DomainError], code: str, action: Callable[[], object]) -> DomainError:
    """Check that the action is refused with that error and code; returns the error."""
    with pytest.raises(kind) as caught:
        action()
    assert caught.value.code == code
    return caught.value


def rejected_upload(take: Callable[..., object], content: bytes, kind: type[DomainError], code: str) -> DomainError:
    """Check that the upload is rejected with that error and code at its field, in a sentence; returns the error."""
    with pytest.raises(kind) as caught:
        take(upload(content), field="there")
    assert caught.value.code == code
    assert caught.value.field == "there"
    assert str(caught.value)[0].isupper()
    return caught.value
