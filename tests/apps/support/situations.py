"""Drawn situations: people in all states, what stands between them, what they made, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from django.contrib.auth.models import Permission
from django.utils import timezone
from guardian.shortcuts import assign_perm
from hypothesis import strategies as st

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.notifications.models import Notification
from apps.support.delivery import deliveries
from apps.support.targets import CREATED_AT, TARGETS
from apps.users.models import Block, Follow, User
from apps.visibility.snapshot import LIVE, AsOf
from tests import people
from tests.client import api
from tests.factories import make_connection, make_event, make_message, make_notification, make_story

NAMES = ("ada", "ben", "cleo", "dan")
PAIRS = list(combinations(range(len(NAMES)), 2))
UNUSED_ID = 10**9
"""An id that no row has."""
GRANTS = ("stories.view_story", "stories.delete_story", "events.change_event", "chat.view_message")


@dataclass
class Situation:
    """People and what they made, with the ids to ask about."""

    people: list[User] = field(default_factory=list)
    """Those of `NAMES`."""
    staff: User = field(default_factory=lambda: people.make_staff("vera"))
    targets: list[tuple[str, int]] = field(default_factory=list)
    made: dict[str, list[Any]] = field(default_factory=dict)
    """The rows by kind."""

    def add(self, kind: str, row: Any) -> Any:
        self.made.setdefault(kind, []).append(row)
        self.targets.append((kind, row.pk))
        return row

    def pairs(self, viewers: Iterable[User]) -> Iterator[tuple[User, str, int]]:
        for viewer in viewers:
            for kind, target_id in self.targets:
                yield viewer, kind, target_id


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    """A plan for `build`: of each kind as many rows as in any other, so that each makes as many questions."""
    odd = st.sampled_from(["", "", "", "", "off", "suspended", "was_suspended", "unverified"])
    person = st.integers(0, len(NAMES) - 1)
    others = st.tuples(person, person).filter(lambda pair: pair[0] != pair[1])
    status = st.sampled_from(["pending", "accepted", "accepted", "rejected"])
    story = st.tuples(
        person,
        st.sampled_from(["public", "connections"]),
        st.sampled_from(["", "", "expired", "removed", "deleted", "removed_and_expired"]),
    )
    about = st.sampled_from(["", "connection", "story", "event", "profile"])
    notification = st.tuples(person, about, st.integers(0, 1), st.booleans())
    grant = st.tuples(st.sampled_from(GRANTS), st.integers(0, 1), st.booleans())
    return {
        "people": draw(st.tuples(*[odd] * len(NAMES))),
        "blocks": draw(st.sets(others, max_size=2)),
        "follows": draw(st.sets(others, max_size=3)),
        "connections": draw(st.dictionaries(st.sampled_from(PAIRS), status, min_size=3, max_size=3)),
        "stories": draw(st.lists(story, min_size=4, max_size=4)),
        "events": draw(st.lists(st.tuples(person, st.booleans(), st.booleans()), min_size=2, max_size=2)),
        "messages": draw(st.lists(st.tuples(st.sampled_from(PAIRS), st.booleans()), min_size=2, max_size=2)),
        "notifications": draw(st.lists(notification, min_size=2, max_size=2)),
        "grants": draw(st.sets(grant, max_size=3)),
    }


def build(plan: dict[str, Any]) -> Situation:
    now = timezone.now()
    made = Situation()
    for name, odd in zip(NAMES, plan["people"], strict=True):
        person = people.make_user(name, verified=odd != "unverified")
        person.is_active = odd != "off"
        if odd.endswith("suspended"):
            person.suspended_until = now + timedelta(days=1 if odd == "suspended" else -1)
        made.people.append(save_as(person, person, action=Action.RECORDED))
    for pair, status in plan["connections"].items():
        one, other = (made.people[place] for place in pair)
        answered = None if status == "pending" else now
        made.add("connection", make_connection(one, other, status=status, responded_at=answered))
    for author, audience, fate in plan["stories"]:
        story = make_story(made.people[author], audience=audience, hours_old=30 if "expired" in fate else 1)
        if "removed" in fate or fate == "deleted":
            setattr(story, "removed_at" if "removed" in fate else "deleted_at", now)
            save_as(None, story, action=Action.RECORDED, note=fate)
        made.add("story", story)
    for host, is_removed, is_cancelled in plan["events"]:
        state = {"removed_at": now if is_removed else None, "status": "cancelled" if is_cancelled else "active"}
        made.add("event", make_event(made.people[host], **state))
    for pair, is_removed in plan["messages"]:
        one, other = (made.people[place] for place in pair)
        made.add("message", make_message(one, other, removed_at=now if is_removed else None))
    for person in [*made.people, made.staff]:
        made.add("profile", person)
    for recipient, about, place, is_read in plan["notifications"]:
        target = made.made[about][place] if about else None
        made.add("notification", add_notification(made.people[recipient], target, read_at=now if is_read else None))
    made.targets.append(("story", UNUSED_ID))
    for blocker, blocked in plan["blocks"]:
        row = Block(blocker=made.people[blocker], blocked=made.people[blocked])
        save_as(row.blocker, row, action=Action.BLOCKED)
    for follower, followed in plan["follows"]:
        link = Follow(follower=made.people[follower], followed=made.people[followed])
        save_as(link.follower, link, action=Action.FOLLOWED)
    for perm, place, is_for_all in plan["grants"]:
        _grant(made, perm, place, is_for_all)
    return made


def add_notification(recipient: User, about: Any, read_at: datetime | None = None) -> Notification:
    target = {"target_kind": about._meta.model_name, "target_id": about.pk} if about is not None else {}
    return make_notification(recipient, is_read=read_at is not None, read_at=read_at, **target)


def _grant(made: Situation, perm: str, place: int, is_for_all: bool) -> None:
    app_label, codename = perm.split(".")
    if is_for_all:
        made.staff.user_permissions.add(Permission.objects.get(content_type__app_label=app_label, codename=codename))
    else:
        assign_perm(codename, made.staff, made.made[codename.partition("_")[2]][place])


class Eyes:
    """What the API shows one person: in its lists, and by the address of one target where there is such a call."""

    LISTS = {
        "connection": "/connections",
        "story": "/stories",
        "event": "/events",
        "message": "/chat",
        "notification": "/notifications",
        "profile": "/users",
    }
    ALONE = {"story": "/stories/{}", "event": "/events/{}"}

    def __init__(self, viewer: User) -> None:
        self.app = api(viewer)
        self.listed: dict[str, set[int]] = {}
        self.notified: dict[tuple[str, int], bool] = {}
        """Of the targets of their notifications, whether they have read any about it."""
        self.hears = False
        """Whether they get their notifications at all."""

    def lists(self, kind: str, target_id: int) -> bool:
        """Whether it is in the list of such targets."""
        if kind not in self.listed:
            answer = self._get(self.LISTS[kind], page_size=100)
            rows = answer.json()["results"] if answer.status_code == 200 else []
            self.listed[kind] = {row["id"] for row in rows}
            if kind == "notification":
                self.hears = answer.status_code == 200
                for row in rows:
                    for target in (row["target"] and (row["target"]["kind"], row["target"]["id"]), (kind, row["id"])):
                        if target:
                            self.notified[target] = self.notified.get(target, False) or row["is_read"]
        return target_id in self.listed[kind]

    def opens(self, kind: str, target_id: int) -> bool:
        """Whether it is there by its own address; for what has none, in the list."""
        if kind == "profile":
            name = User.objects.get(pk=target_id).username
            return bool(self._get(f"/users/profile/{name}").status_code == 200)
        if kind in self.ALONE:
            return bool(self._get(self.ALONE[kind].format(target_id)).status_code == 200)
        return self.lists(kind, target_id)

    def _get(self, path: str, **query: Any) -> Any:
        answer = self.app.get(path, **query)
        assert answer.status_code in (200, 401, 403, 404), (path, answer.status_code)
        return answer


def delivery_of(
    viewer: User, kind: str, target_ids: list[int], at: datetime | None = None
) -> dict[int, tuple[bool | None, bool | None]]:
    """Of each target: whether the viewer was notified of it, and whether they have read it."""
    snapshot = LIVE if at is None else AsOf(at, CREATED_AT)
    found = deliveries(TARGETS[kind].model, viewer, target_ids, snapshot)
    return {row_id: (delivery.notified, delivery.was_read(snapshot.now)) for row_id, delivery in found.items()}
