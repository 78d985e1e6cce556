"""Fills the database in bulk, for load tests and for looking at big tables.

The same amounts give the same data, with times counted back from the start of the run. Rows are written with COPY,
past services and history: nobody did this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import cycle, islice
from random import Random
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection, models, transaction
from django.utils import timezone

from apps.chat.models import Membership, Message, Room, direct_key
from apps.connections.models import Connection
from apps.events.models import DEFAULT_LENGTH, Event, Participation
from apps.notifications.models import Kind, Notification
from apps.notifications.texts import text_of
from apps.stories.models import LIFETIME, Story
from apps.users.models import CLIENT_ROLES, DocType, Document, Profile, Reason, Role, User
from apps.users.names import fold, skeleton_key
from demo import drawing, seed_cases, texts
from demo.bulk import copy_rows, reserve_ids, store
from demo.seed_cases import MOST_OF_A_CASE

PASSWORD = "infloo-demo"
# As long as Django wants it, so that signing in does not hash the password anew.
SALT = "infloo-seed-infloo-seed"
USERS_MAX = 1_000_000  # user names have six digits
ROOM_NAME = "abcdefghijkmnpqrstuvwxyz23456789"
GUESTS_OF_FIRST_EVENT = 1000
MOST_REPORTS = 10  # about a user
SAMPLE = 10


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How many rows of each kind. Raises `ValueError` where they cannot be had."""

    users: int = 100
    events: int = 0
    stories: int = 0
    messages: int = 0
    documents: int = 0
    connections_per_user: int | None = None
    """2 where nothing is said, or as many as there are others."""
    notifications_per_user: int = 0
    reports: int = 0
    """In cases, with what staff decided about them, and about the documents."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if (getattr(self, field.name) or 0) < 0:
                raise ValueError(f"{_option(field.name)} cannot be below 0.")
        if not 0 < self.users <= USERS_MAX:
            raise ValueError(f"--users must be from 1 to {USERS_MAX:,}.")
        if self.connections >= self.users:
            raise ValueError(
                f"--connections-per-user must be below --users: there are {self.users - 1} others to connect with."
            )
        if self.messages and not self.connections:
            raise ValueError("--messages need --connections-per-user of at least 1: only connected people talk.")
        if self.reports and not MOST_OF_A_CASE < self.users >= self.reports / MOST_REPORTS:
            raise ValueError(f"--reports need more than {MOST_OF_A_CASE} users, and one for {MOST_REPORTS} of them.")

    @property
    def connections(self) -> int:
        """Of each user."""
        return min(2, self.users - 1) if self.connections_per_user is None else self.connections_per_user


class AlreadySeeded(Exception):
    """The database holds seeded users already."""


def seed(amounts: Amounts) -> dict[str, Any]:
    """Write `amounts` and return a sample of what is there now, by ids and names."""
    sample = fill(amounts)
    # Plans need figures; a table that nobody has vacuumed is slow to its first readers.
    take_figures("VACUUM (ANALYZE)")
    return sample


@transaction.atomic
def fill(amounts: Amounts) -> dict[str, Any]:
    """Write the rows alone. Raises `AlreadySeeded`."""
    if User.objects.named(username(0)).exists():
        raise AlreadySeeded(f"{username(0)} exists: this database has been seeded already.")
    return _Seeding(amounts).run()


def take_figures(command: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"{command} {', '.join(connection.ops.quote_name(model._meta.db_table) for model in FILLED)}")


FILLED: tuple[type[models.Model], ...] = (
    User, Profile, Connection, Room, Membership, Message, Event, Participation, Story, Document, Notification,
    *seed_cases.MODELS,
)  # fmt: skip


def username(number: int) -> str:
    return f"user{number:06d}"


class _Seeding:
    def __init__(self, amounts: Amounts) -> None:
        self.amounts = amounts
        self.now = timezone.now()
        self.random = Random(repr(amounts))
        self.first_user = 0
        self.stories = self.events = range(0)

    def run(self) -> dict[str, Any]:
        users = self.write_users()
        self.write_connections()
        rooms = self.write_rooms()
        sample = {
            "users": list(users[:SAMPLE]),
            "usernames": [username(number) for number in range(min(SAMPLE, self.amounts.users))],
            "password": PASSWORD,
            "rooms": list(rooms),
            "members": rooms,
            "events": self.write_events(),
            "stories": self.write_stories(),
            "documents": self.write_documents(),
            "notifications": self.write_notifications(),
        }
        if self.amounts.reports:
            moderator, officer = seed_cases.write_staff()
            about = seed_cases.Seeded(self.now, self.amounts.users, self.user, self.stories, self.events)
            sample["cases"] = seed_cases.write_reports(self.amounts.reports, about, moderator, officer)
            seed_cases.write_document_decisions(officer)
        return sample

    def user(self, number: int) -> int:
        """The id of a user; numbers go round."""
        return self.first_user + number % self.amounts.users

    def ago(self, **span: float) -> datetime:
        return self.now - timedelta(**span)

    def write_users(self) -> range:
        count = self.amounts.users
        ids = reserve_ids(User, count)
        self.first_user = ids.start
        password = make_password(PASSWORD, salt=SALT)
        roles = [role.value for role in CLIENT_ROLES]
        year = timedelta(days=365)
        copy_rows(
            User,
            (
                *("id", "username", "username_key", "username_skeleton", "email", "email_key"),
                *("password", "role", "identity_verified", "date_joined"),
            ),
            (
                (
                    ids[number],
                    username(number),
                    fold(username(number)),
                    skeleton_key(username(number)),
                    f"{username(number)}@example.com",
                    fold(f"{username(number)}@example.com"),
                    password,
                    roles[number % len(roles)],
                    True,
                    self.now - year * ((count - number) / count),
                )
                for number in range(count)
            ),
        )
        is_company = [role == Role.BRAND for role in roles]
        copy_rows(
            Profile,
            ("user_id", "bio", "company_name", "business_category", "updated_at"),
            (
                (
                    ids[number],
                    texts.BIOS[number % len(texts.BIOS)],
                    f"{username(number)} Ltd" if is_company[number % len(roles)] else "",
                    texts.CATEGORIES[number % len(texts.CATEGORIES)],
                    self.now,
                )
                for number in range(count)
            ),
        )
        return ids

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Numbers of connected users: each with the next ones round a ring, and with the one opposite for an odd
        amount. Where that and the users are odd, the last of them has one connection less."""
        count, wanted = self.amounts.users, self.amounts.connections
        for step in range(1, wanted // 2 + 1):
            yield from ((number, (number + step) % count) for number in range(count))
        if wanted % 2:
            yield from ((number, number + count // 2) for number in range(count // 2))

    def write_connections(self) -> None:
        def rows() -> Iterator[tuple[Any, ...]]:
            for number, (one, other) in enumerate(self.pairs()):
                sent = self.ago(days=300, seconds=-number % 20_000_000)
                yield (
                    self.user(one),
                    self.user(other),
                    Connection.Status.ACCEPTED.value,
                    sent,
                    sent + timedelta(hours=5),
                )

        copy_rows(Connection, ("sender_id", "receiver_id", "status", "created_at", "responded_at"), rows())

    def write_rooms(self) -> dict[str, list[str]]:
        """Rooms and messages: a tenth of all in the first room, the rest spread evenly."""
        wanted = max(self.amounts.users, self.amounts.messages // 10)
        pairs = list(islice(self.pairs(), wanted))
        names = ["".join(self.random.choices(ROOM_NAME, k=16)) for _ in pairs]
        ids = reserve_ids(Room, len(pairs))
        lengths, last_sent = self.write_messages(ids, pairs)
        copy_rows(
            Room,
            ("id", "name", "direct_key", "last_seq", "last_message_at", "created_at"),
            (
                (
                    ids[place],
                    names[place],
                    direct_key(self.user(one), self.user(other)),
                    lengths[place],
                    last_sent[place],
                    self.ago(days=40),
                )
                for place, (one, other) in enumerate(pairs)
            ),
        )
        copy_rows(
            Membership,
            ("room_id", "user_id", "read_up_to", "created_at"),
            (
                # Whoever was asked has not read the last few lines.
                (ids[place], self.user(person), max(0, lengths[place] - unread), self.ago(days=40))
                for place, pair in enumerate(pairs)
                for person, unread in zip(pair, (0, 3), strict=True)
            ),
        )
        return {
            name: [username(one), username(other)]
            for name, (one, other) in zip(names[:SAMPLE], pairs[:SAMPLE], strict=True)
        }

    def write_messages(self, rooms: range, pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[datetime | None]]:
        count = self.amounts.messages
        lengths = [0] * len(pairs)
        last_sent: list[datetime | None] = [None] * len(pairs)
        step = timedelta(days=30) / max(1, count)

        def rows() -> Iterator[tuple[Any, ...]]:
            others = cycle(range(1, len(pairs))) if len(pairs) > 1 else cycle((0,))
            lines, choose = texts.LINES, self.random.random
            start = self.now - step * count
            for number in range(count):
                place = 0 if number % 10 == 0 else next(others)
                lengths[place] += 1
                last_sent[place] = sent = start + step * number
                luck = choose()
                sender = pairs[place][luck < 0.5]
                yield rooms[place], lengths[place], self.user(sender), lines[int(luck * 9973) % len(lines)], sent

        copy_rows(Message, ("room_id", "seq", "sender_id", "text", "sent_at"), rows())
        return lengths, last_sent

    def write_events(self) -> list[int]:
        count = self.amounts.events
        ids = self.events = reserve_ids(Event, count)

        def begins(number: int) -> datetime:
            """Of ten one goes on, four are over, five are to come."""
            phase, place = number % 10, number / count
            if phase == 0:
                return self.ago(hours=1 + place)
            if phase < 5:
                return self.ago(days=1 + 364 * place)
            return self.ago(days=-1 - 364 * place)

        def rows() -> Iterator[tuple[Any, ...]]:
            for number in range(count):
                title, place, about = texts.EVENTS[number % len(texts.EVENTS)]
                date = begins(number)
                seats = 50 + number % 200 if number % 3 == 1 else None
                yield (
                    ids[number], self.user(number), f"{title} {number + 1}", about, date, date + DEFAULT_LENGTH,
                    place, seats, self.ago(days=370 + number / count),
                )  # fmt: skip

        copy_rows(
            Event,
            ("id", "host_id", "title", "description", "date", "ends_at", "location", "capacity", "created_at"),
            rows(),
        )
        statuses = [status.value for status in Participation.Status]

        def guests() -> Iterator[tuple[Any, ...]]:
            others = self.amounts.users - 1
            for number in range(count):
                for guest in range(min(others, number % 6 if number else GUESTS_OF_FIRST_EVENT)):
                    status = statuses[(number + guest) % len(statuses)]
                    yield ids[number], self.user(number + 1 + guest), status, self.ago(days=1, minutes=guest)

        copy_rows(Participation, ("event_id", "user_id", "status", "created_at"), guests())
        return list(ids[:SAMPLE])

    def write_stories(self) -> list[int]:
        count = self.amounts.stories
        if not count:
            return []
        ids = self.stories = reserve_ids(Story, count)
        files = [
            store(f"stories/seed-{number}.jpg", "image/jpeg", drawing.scene(Random(number), size=(360, 640)))
            for number in range(4)
        ]

        def rows() -> Iterator[tuple[Any, ...]]:
            for number in range(count):
                file = files[number % len(files)]
                # The oldest is six hours old, so that a day's work can be done on them.
                posted = self.ago(hours=6 * (count - number) / count)
                audience = Story.Audience.CONNECTIONS if number % 5 == 4 else Story.Audience.PUBLIC
                caption = texts.CAPTIONS[number % len(texts.CAPTIONS)]
                yield (
                    ids[number], self.user(number), file.name, file.media_type, file.size, file.sha256,
                    caption, audience.value, posted, posted + LIFETIME,
                )  # fmt: skip

        copy_rows(
            Story,
            (
                "id", "author_id", "content_file", "media_type", "size", "sha256",
                "caption", "audience", "created_at", "expires_at",
            ),
            rows(),
        )  # fmt: skip
        return list(ids[:SAMPLE])

    def write_documents(self) -> list[int]:
        """The first of each person and kind is pending, unless every third; the rest were decided."""
        count = self.amounts.documents
        if not count:
            return []
        ids = reserve_ids(Document, count)
        files = {
            DocType.IDENTITY: store(
                "documents/seed-card.png", "image/png", drawing.identity_card(Random(1), drawing.Holder("Sam Seed"))
            ),
            DocType.BUSINESS: store(
                "documents/seed-paper.pdf", "application/pdf", drawing.business_paper("Seed Ltd", "Sam Seed", "A-1")
            ),
        }
        reasons = [reason.value for reason in Reason]

        def rows() -> Iterator[tuple[Any, ...]]:
            for number in range(count):
                turn, owner = divmod(number, self.amounts.users)
                doc_type = (DocType.IDENTITY, DocType.BUSINESS)[(turn + owner) % 2]
                file = files[doc_type]
                sent = self.ago(days=60 * (count - number) / count)
                status, reason, decided = Document.Status.PENDING, "", None
                if number >= 2 * self.amounts.users or number % 3 == 2:
                    status, decided = Document.Status.APPROVED, sent + timedelta(minutes=90)
                    if number % 2:
                        status, reason = Document.Status.REJECTED, reasons[number % len(reasons)]
                # All share few files, yet each counts as a file of its own, or every one were a duplicate.
                digest = sha256(f"{file.sha256} {number}".encode()).hexdigest()
                yield (
                    ids[number], self.user(number), doc_type.value, file.name, file.media_type, file.size, digest,
                    status.value, reason, decided, sent, 1,
                )  # fmt: skip

        copy_rows(
            Document,
            (
                "id", "owner_id", "doc_type", "file", "media_type", "size", "sha256",
                "status", "reason", "decided_at", "created_at", "pages",
            ),
            rows(),
        )  # fmt: skip
        return list(ids[:SAMPLE])

    def write_notifications(self) -> list[int]:
        each, users = self.amounts.notifications_per_user, self.amounts.users
        ids = reserve_ids(Notification, each * users)

        def rows() -> Iterator[tuple[Any, ...]]:
            for place in range(each):
                for number in range(users):
                    other = number + place + 1
                    is_read = (place + number) % 2 == 0
                    told = self.ago(days=30 * (each - place) / each, seconds=number % 3600)
                    text = text_of(Kind.NEW_FOLLOWER, person=username(other % users))
                    yield (
                        ids[place * users + number], self.user(number), Kind.NEW_FOLLOWER.value, text,
                        "user", self.user(other), is_read, told if is_read else None, told,
                    )  # fmt: skip

        copy_rows(
            Notification,
            ("id", "recipient_id", "kind", "text", "target_kind", "target_id", "is_read", "read_at", "created_at"),
            rows(),
        )
        return list(ids[:SAMPLE])


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
