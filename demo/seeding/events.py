"""Events and their guests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from apps.events.models import DEFAULT_LENGTH, Event, Participation
from demo import texts
from demo.bulk import copy_rows, reserve_ids
from demo.seeding.amounts import Seeding

GUESTS_OF_FIRST_EVENT = 1000


def write_events(run: Seeding) -> range:
    count = run.amounts.events
    ids = reserve_ids(Event, count)

    def begins(number: int) -> datetime:
        """Of ten one goes on, four are over, five are to come."""
        phase, place = number % 10, number / count
        if phase == 0:
            return run.ago(hours=1 + place)
        if phase < 5:
            return run.ago(days=1 + 364 * place)
        return run.ago(days=-1 - 364 * place)

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(count):
            title, place, about = texts.EVENTS[(number + number // 10) % len(texts.EVENTS)]  # at all times
            date = begins(number)
            seats = 50 + number % 200 if number % 3 == 1 else None
            yield (
                ids[number], run.user(number), f"{title} {number + 1}", about, date, date + DEFAULT_LENGTH,
                place, seats, run.ago(days=370 + number / count),
            )  # fmt: skip

    copy_rows(
        Event,
        ("id", "host_id", "title", "description", "date", "ends_at", "location", "capacity", "created_at"),
        rows(),
    )
    statuses = [status.value for status in Participation.Status]

    def guests() -> Iterator[tuple[Any, ...]]:
        others = run.amounts.users - 1
        for number in range(count):
            for guest in range(min(others, number % 6 if number else GUESTS_OF_FIRST_EVENT)):
                status = statuses[(number + guest) % len(statuses)]
                yield ids[number], run.user(number + 1 + guest), status, run.ago(days=1, minutes=guest)

    copy_rows(Participation, ("event_id", "user_id", "status", "created_at"), guests())
    return ids
