"""Three more of the staff, so that the access desk has something to examine: who has too much, or needs it no more.

No user signs in with these accounts: they have no password. So they are away, and no work is given to them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Model
from guardian.shortcuts import assign_perm

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.events.models import Event
from apps.review.models import Preference
from apps.users.models import Document, GroupMembership, Profile, Role, User
from demo.bulk import copy_rows
from demo.scenario import Scenario, create

OFFICERS, MODERATORS = "Compliance Officer", "Community Manager"
MANAGERS, SPECIALISTS = "Access Manager", "User Support Specialist"


@dataclass(frozen=True)
class Place:
    """In a group for so many days by now, and for so many more, or for good."""

    group: str
    since: int
    ends_in: int | None = None


COLLEAGUES: dict[str, tuple[Place, ...]] = {
    # Stands in for the access manager, and reviews documents all the while.
    "robin.marsh": (Place(OFFICERS, since=40), Place(MANAGERS, since=9, ends_in=12)),
    # Helps out in the evenings till the end of next week.
    "maya.lund": (Place(MODERATORS, since=21, ends_in=9),),
    # Has been on leave for half a year.
    "jonas.hale": (Place(SPECIALISTS, since=210),),
}


def join(scenario: Scenario) -> None:
    people = []
    for name, places in COLLEAGUES.items():
        user = User(username=name, email=f"{name}@staff.infloo.example", role=Role.STAFF, is_staff=True)
        user.set_unusable_password()
        user.date_joined = scenario.ago(days=max(place.since for place in places))
        people.append(user)
    create(people, by=lambda _: scenario["access"], at=lambda user: user.date_joined, action=Action.STAFF_ADDED)
    profiles = [Profile(user=user) for user in people]
    create(profiles, by=lambda _: None, at=lambda profile: profile.user.date_joined, action=Action.STAFF_ADDED)
    for user in people:
        Preference.objects.create(staff=user, away_until=scenario.ago(days=-3650))
        for place in COLLEAGUES[user.username]:
            GroupMembership.objects.create(
                user=user,
                group=Group.objects.get(name=place.group),
                begun_at=scenario.ago(days=place.since),
                ends_at=_end(scenario, place.ends_in),
            )
    scenario.users |= {user.username: user for user in people}


def grant(scenario: Scenario, events: list[Event]) -> None:
    jonas, maya = scenario["jonas.hale"], scenario["maya.lund"]
    oldest = Document.objects.filter(created_at__lt=scenario.ago(days=200)).order_by("created_at", "id").first()
    assert oldest is not None
    _grant(scenario, jonas, "users.view_document", oldest, days_ago=190)
    _grant(scenario, maya, "events.delete_event", min(events, key=lambda event: event.date), days_ago=3, ends_in=4)


def _end(scenario: Scenario, days: int | None) -> datetime | None:
    """In whole seconds, as the services have it."""
    return None if days is None else scenario.ago(days=-days).replace(microsecond=0)


def _grant(scenario: Scenario, user: User, perm: str, row: Model, *, days_ago: int, ends_in: int | None = None) -> None:
    """On one row, with the entry that says who gave it."""
    grant: Any = assign_perm(perm, user, row)
    grant.begun_at = scenario.ago(days=days_ago)
    grant.ends_at = _end(scenario, ends_in)
    grant.save()
    detail: dict[str, Any] = {"perm": perm, "holder": {"kind": "user", "id": user.pk, "name": user.username}}
    if grant.ends_at:
        detail["until"] = grant.ends_at.isoformat()
    columns = ("actor_id", "verb", "target_type", "target_id", "reason", "detail", "created_at")
    written = (Action.GRANTED.value, row._meta.label_lower, str(row.pk), "to look into a complaint", json.dumps(detail))
    copy_rows(Entry, columns, [(scenario["access"].pk, *written, grant.begun_at)])
