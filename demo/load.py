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
from demo.scenario import Scenario


class NotEmpty(Exception):
    """The database holds accounts already."""


@transaction.atomic
def load() -> Scenario:
    """Fill an empty database. Raises `NotEmpty`."""
    if User.objects.exists():
        raise NotEmpty("This database holds accounts already; the demo goes into an empty one only.")
    scenario = Scenario()
    accounts.make(scenario)
    connected = connections.connect(scenario)
    hosted = events.host(scenario)
    posted = stories.post(scenario)
    messages = chats.converse(scenario, connected)
    logins.sign_in(scenario)
    colleagues.join(scenario)
    arrivals.arrive(scenario)
    documents.send_in(scenario, arrivals.businesses)
    colleagues.grant(scenario, hosted)
    reports.file_reports(scenario, hosted, posted, messages)
    arrivals.pass_on(scenario)
    casework.work(scenario, hosted, posted, messages)
    teamwork.write_templates(scenario)
    scenario.send_notifications()
    inspect_left_over.configure().defer(timestamp=int(scenario.now.timestamp()))
    return scenario
