"""Notifications: of each user, that others follow them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.notifications.models import Kind, Notification
from apps.notifications.texts import text_of
from demo.bulk import copy_rows, reserve_ids
from demo.seeding.amounts import Seeding, username


def write_notifications(run: Seeding) -> range:
    each, users = run.amounts.notifications_per_user, run.amounts.users
    ids = reserve_ids(Notification, each * users)

    def rows() -> Iterator[tuple[Any, ...]]:
        for place in range(each):
            for number in range(users):
                other = number + place + 1
                is_read = (place + number) % 2 == 0
                sent = run.ago(days=30 * (each - place) / each, seconds=number % 3600)
                text = text_of(Kind.NEW_FOLLOWER, person=username(other % users))
                yield (
                    ids[place * users + number], run.user(number), Kind.NEW_FOLLOWER.value, text,
                    "user", run.user(other), is_read, sent if is_read else None, sent,
                )  # fmt: skip

    copy_rows(
        Notification,
        ("id", "recipient_id", "kind", "text", "target_kind", "target_id", "is_read", "read_at", "created_at"),
        rows(),
    )
    return ids
