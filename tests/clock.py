"""A clock that stands still until a test shifts it, together with what Valkey counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import redis
import time_machine


class Clock:
    def __init__(self, traveller: time_machine.Traveller, broker: redis.Redis) -> None:
        self._traveller = traveller
        self._broker: Any = broker

    def shift(self, time: timedelta) -> None:
        """Valkey goes by a clock of its own, so the windows of limits are made shorter by as much."""
        self._traveller.shift(time)
        for key in self._broker.scan_iter("limit:*"):
            # What has ended already is deleted.
            self._broker.pexpire(key, self._broker.pttl(key) - int(time.total_seconds() * 1000))


@contextmanager
def standing_still(broker: redis.Redis) -> Iterator[Clock]:
    with time_machine.travel("2026-06-01 12:00:00Z", tick=False) as traveller:
        yield Clock(traveller, broker)
