"""The demo: a small platform with a past, on which every screen and every call has something to show.

The same each time but for the hour, from which all its times count back.
"""

from __future__ import annotations

from django.db import transaction

from apps.users.jobs import inspect_left_over
from apps.users.models import User
from ops.demo import accounts, colleagues, gatherings, logins, moments, papers, reports, talks, ties
from ops.demo.stage import Stage


class NotEmpty(Exception):
    """The database holds accounts already."""


@transaction.atomic
def load() -> Stage:
    """Fill an empty database. Raises `NotEmpty`."""
    if User.objects.exists():
        raise NotEmpty("This database holds accounts already; the demo goes into an empty one only.")
    stage = Stage()
    accounts.make(stage)
    papers.send_in(stage)
    connections = ties.tie(stage)
    events = gatherings.gather(stage)
    stories = moments.post(stage)
    messages = talks.talk(stage, connections)
    reports.complain(stage, events, stories, messages)
    logins.sign_in(stage)
    colleagues.join(stage, events)
    stage.tell_all()
    inspect_left_over.defer(timestamp=int(stage.now.timestamp()))  # type: ignore[call-arg]  # by its parameters
    return stage
