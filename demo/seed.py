"""Fills the database in bulk, for load tests and for big tables on screen.

The same amounts give the same data, with times counted back from the start of the run. Rows are written with COPY,
past services and history: no user did this.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, models, transaction

from apps.chat.models import Membership, Message, Room
from apps.connections.models import Connection
from apps.events.models import Event, Participation
from apps.infra.owner import as_owner
from apps.notifications.models import Notification
from apps.stories.models import Story
from apps.users.models import Document, Profile, User
from demo.seeding import cases
from demo.seeding.amounts import SAMPLE, Amounts, Seeding, username
from demo.seeding.chats import write_rooms
from demo.seeding.events import write_events
from demo.seeding.files import write_documents, write_stories
from demo.seeding.notifications import write_notifications
from demo.seeding.users import PASSWORD, write_connections, write_users


class AlreadySeeded(Exception):
    """The database has seeded users already."""


def seed(amounts: Amounts) -> dict[str, Any]:
    """Write `amounts` and return a sample of what is there now, by ids and names."""
    sample = fill(amounts)
    # Plans need figures; a table that was never vacuumed is slow to its first readers. Only the owner may take them.
    with as_owner():
        take_figures("VACUUM (ANALYZE)")
    return sample


@transaction.atomic
def fill(amounts: Amounts) -> dict[str, Any]:
    """Write the rows alone. Raises `AlreadySeeded`."""
    if User.objects.named(username(0)).exists():
        raise AlreadySeeded(f"{username(0)} exists: this database has been seeded already.")
    return _write(Seeding(amounts))


def take_figures(command: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"{command} {', '.join(connection.ops.quote_name(model._meta.db_table) for model in FILLED)}")


FILLED: tuple[type[models.Model], ...] = (
    User, Profile, Connection, Room, Membership, Message, Event, Participation, Story, Document, Notification,
    *cases.MODELS,
)  # fmt: skip


def _write(run: Seeding) -> dict[str, Any]:
    users = write_users(run)
    write_connections(run)
    rooms = write_rooms(run)
    events, stories = write_events(run), write_stories(run)
    sample = {
        "users": list(users[:SAMPLE]),
        "usernames": [username(number) for number in range(min(SAMPLE, run.amounts.users))],
        "password": PASSWORD,
        "rooms": list(rooms),
        "members": rooms,
        "events": list(events[:SAMPLE]),
        "stories": list(stories[:SAMPLE]),
        "documents": list(write_documents(run)[:SAMPLE]),
        "notifications": list(write_notifications(run)[:SAMPLE]),
    }
    if run.amounts.reports:
        moderator, officer = cases.write_staff()
        about = cases.Seeded(run.now, run.amounts.users, run.user, stories, events)
        sample["cases"] = cases.write_reports(run.amounts.reports, about, moderator, officer)
        cases.write_document_decisions(officer)
    return sample
