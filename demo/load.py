"""The demo: a small platform with a past, on which every screen and every call has something to show.

The same each time but for the hour, from which all its times count back.
"""

from __future__ import annotations

from django.db import transaction

from apps.users.models import User
from apps.users.verification.jobs import inspect_left_over
from demo import (
    accounts,
    arrivals,
    casework,
    chats,
    colleagues,
    connections,
    documents,
    events,
    logins,
    reports,
    stories,
    teamwork,
)
from demo.scenario import Stage


class NotEmpty(Exception):
    """The database holds accounts already."""


@transaction.atomic
def load() -> Stage:
    """Fill an empty database. Raises `NotEmpty`."""
    if User.objects.exists():
        raise NotEmpty("This database holds accounts already; the demo goes into an empty one only.")
    stage = Stage()
    accounts.make(stage)
    connected = connections.tie(stage)
    hosted = events.host(stage)
    posted = stories.post(stage)
    messages = chats.talk(stage, connected)
    logins.sign_in(stage)
    colleagues.join(stage)
    arrivals.arrive(stage)
    documents.send_in(stage, arrivals.businesses)
    colleagues.grant(stage, hosted)
    reports.complain(stage, hosted, posted, messages)
    arrivals.pass_on(stage)
    casework.work(stage, hosted, posted, messages)
    teamwork.write_templates(stage)
    stage.send_notifications()
    inspect_left_over.defer(timestamp=int(stage.now.timestamp()))  # type: ignore[call-arg]  # by its parameters
    return stage
