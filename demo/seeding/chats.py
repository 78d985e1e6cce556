"""Rooms of connected users, and their messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any

from apps.chat.models import Membership, Message, Room, direct_key
from demo import texts
from demo.bulk import copy_rows, reserve_ids
from demo.seeding.amounts import SAMPLE, Seeding, username
from demo.seeding.users import pairs

ROOM_NAME = "abcdefghijkmnpqrstuvwxyz23456789"


def write_rooms(run: Seeding) -> dict[str, list[str]]:
    """Rooms and messages: a tenth of all in the first room, the rest spread evenly."""
    wanted = max(run.amounts.users, run.amounts.messages // 10)
    connected = list(islice(pairs(run), wanted))
    names = ["".join(run.random.choices(ROOM_NAME, k=16)) for _ in connected]
    ids = reserve_ids(Room, len(connected))
    lengths, last_sent = write_messages(run, ids, connected)
    copy_rows(
        Room,
        ("id", "name", "direct_key", "last_seq", "last_message_at", "created_at"),
        (
            (
                ids[place],
                names[place],
                direct_key(run.user(one), run.user(other)),
                lengths[place],
                last_sent[place],
                run.ago(days=40),
            )
            for place, (one, other) in enumerate(connected)
        ),
    )
    copy_rows(
        Membership,
        ("room_id", "user_id", "read_up_to", "created_at"),
        (
            # The second one has not read the last few lines.
            (ids[place], run.user(member), max(0, lengths[place] - unread), run.ago(days=40))
            for place, pair in enumerate(connected)
            for member, unread in zip(pair, (0, 3), strict=True)
        ),
    )
    return {
        name: [username(one), username(other)]
        for name, (one, other) in zip(names[:SAMPLE], connected[:SAMPLE], strict=True)
    }


def write_messages(
    run: Seeding, rooms: range, connected: Sequence[tuple[int, int]]
) -> tuple[list[int], list[datetime | None]]:
    count = run.amounts.messages
    lengths = [0] * len(connected)
    last_sent: list[datetime | None] = [None] * len(connected)
    step = timedelta(days=30) / max(1, count)

    def rows() -> Iterator[tuple[Any, ...]]:
        others = cycle(range(1, len(connected))) if len(connected) > 1 else cycle((0,))
        lines, choose = texts.LINES, run.random.random
        start = run.now - step * count
        for number in range(count):
            place = 0 if number % 10 == 0 else next(others)
            lengths[place] += 1
            last_sent[place] = sent = start + step * number
            luck = choose()
            sender = connected[place][luck < 0.5]
            yield rooms[place], lengths[place], run.user(sender), lines[int(luck * 9973) % len(lines)], sent

    copy_rows(Message, ("room_id", "seq", "sender_id", "text", "sent_at"), rows())
    return lengths, last_sent
