"""Fixtures of the console's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.clock import Clock, standing_still


@pytest.fixture
def clock(broker: redis.Redis) -> Iterator[Clock]:
    """The time, for Valkey too, which stands still and is moved by hand."""
    with standing_still(broker) as clock:
        yield clock
