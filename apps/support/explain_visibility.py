"""Why can't they see it? The checks that the API makes, one by one, for one viewer and one thing, now or then.

Nothing is judged here: each answer comes from the checks and doors that the API itself asks. What this adds are words,
the rows behind an answer, and who can change it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import Group
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat.models import Message
from apps.chat.permissions import message_policy
from apps.connections.models import Connection
from apps.connections.permissions import policy as connection_policy
from apps.errors import Absent, Invalid
from apps.events.models import Event
from apps.events.permissions import policy as event_policy
from apps.notifications.models import Notification
from apps.notifications.permissions import policy as notification_policy
from apps.stories.models import Story
from apps.stories.permissions import feed_policy
from apps.stories.permissions import policy as story_policy
from apps.support.delivery import Telling, tellings
from apps.support.evidence import (
    Fact,
    facts_behind,
    of_absence,
    of_account,
    of_delivery,
    of_telling,
    remarks,
    when,
)
from apps.users.models import User
from apps.users.permissions import STANDING, SWITCHED_ON, VERIFIED, Door, directory_entry, profile_page
from apps.visibility.policy import PRESENT, Past, Policy, Seeing, Text, World, evaluate

MADE: dict[type[Model], str] = {Message: "sent_at", Notification: "created_at"}
"""Models without a history of what is judged here; their rows are as they were made."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A kind of thing that one may ask about."""

    model: type[Model]
    name: Text
    seeing: Seeing
    doors: tuple[Door, ...] = (SWITCHED_ON, STANDING)
    """What is asked of the viewer by the calls that show it."""
    listing: Seeing | None = None
    """Who finds it in the list of such things, where that is fewer than may see it."""
    list_name: Text = ""


THINGS: dict[str, Thing] = {
    "connection": Thing(Connection, gettext_lazy("connection request"), connection_policy),
    "story": Thing(Story, gettext_lazy("story"), story_policy, listing=feed_policy, list_name=gettext_lazy("feed")),
    "event": Thing(Event, gettext_lazy("event"), event_policy),
    "message": Thing(Message, gettext_lazy("message"), message_policy, (SWITCHED_ON, STANDING, VERIFIED)),
    "notification": Thing(Notification, gettext_lazy("notification"), notification_policy),
    "profile": Thing(
        User,
        gettext_lazy("profile"),
        profile_page,
        listing=directory_entry,
        list_name=gettext_lazy("directory"),
    ),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One check, and how it went. `passed` is None where it was not reached."""

    code: str
    question: Text
    passed: bool | None
    facts: list[Fact] = field(default_factory=list)
    """The rows and versions that made it so."""
    fixable_by: str = ""
    """Who can change it, as a sentence; empty where it passed."""
    decides: bool = True
    """Whether it bars them. What does not tells more: whether a list shows it, whether they were told."""

    @property
    def applies(self) -> bool:
        """Of what decides, everything does; the rest only where there is something to list or to tell."""
        return self.decides or self.passed is not None


@dataclass(frozen=True, slots=True)
class Ladder:
    viewer: User
    """As they stood then."""
    kind: str
    thing_id: int
    at: datetime | None
    """The time that was asked about; None for now."""
    answers: list[Answer]
    remarks: list[Fact]
    """What else they would notice: under which tab it stands, what is left out of it."""

    @property
    def visible(self) -> bool:
        return all(answer.passed for answer in self.answers if answer.decides)

    @property
    def failed(self) -> Answer | None:
        """The first check that failed of those that decide."""
        return next((answer for answer in self.answers if answer.decides and answer.passed is False), None)

    @property
    def sentence(self) -> str:
        facts = {"name": self.viewer.username, "thing": THINGS[self.kind].name, "id": self.thing_id}
        failed = self.failed
        if failed is None:
            return _("%(name)s sees %(thing)s #%(id)d.") % facts
        return _("%(name)s does not see %(thing)s #%(id)d: %(why)s.") % (facts | {"why": WHY[failed.code]})


WHY: dict[str, Text] = {
    "signed_in": gettext_lazy("their account cannot sign in"),
    "standing": gettext_lazy("they are suspended"),
    "verified": gettext_lazy("they are not verified"),
    "exists": gettext_lazy("it does not exist"),
    "direction": gettext_lazy("it is between two other people"),
    "unblocked": gettext_lazy("one of the two blocked the other"),
    "kept": gettext_lazy("staff removed it"),
    "kept_by_author": gettext_lazy("its author deleted it"),
    "lasting": gettext_lazy("its 24 hours are over"),
    "active": gettext_lazy("the account that it belongs to is deactivated"),
    "audience": gettext_lazy("only connections of its author see it"),
    "member": gettext_lazy("they are not in the room"),
    "recipient": gettext_lazy("it was sent to another user"),
    "client": gettext_lazy("it is a staff account"),
}
FIXABLE: dict[str, Text] = {
    "signed_in": gettext_lazy("Can be fixed by: %(who)s, by activating the account."),
    "standing": gettext_lazy("Can be fixed by: %(who)s, by ending the suspension."),
    "verified": gettext_lazy(
        "Can be fixed by: %(who)s, by approving an identity document. The user has to submit one first."
    ),
    "kept": gettext_lazy("Can be fixed by: %(who)s, by restoring it."),
    "active": gettext_lazy("Can be fixed by: %(who)s, by activating the account that it belongs to."),
    "unblocked": gettext_lazy("Can be fixed by: the user who blocked the other, by removing the block in the app."),
    "audience": gettext_lazy("Can be fixed by: the author, by making it public; or by both users, by connecting."),
    "delivered": gettext_lazy("Can be fixed by: the user, by opening their notifications in the app."),
    "direction": gettext_lazy("Cannot be fixed: only its sender and its receiver see a connection request."),
    "lasting": gettext_lazy("Cannot be fixed: a story lasts 24 hours. Its author can post it again."),
    "kept_by_author": gettext_lazy("Cannot be fixed: its author deleted it. Its author can post it again."),
    "member": gettext_lazy("Cannot be fixed: only its members see a chat."),
    "recipient": gettext_lazy("Cannot be fixed: only its recipient sees a notification."),
    "exists": gettext_lazy(
        "Cannot be fixed: there is nothing to restore. Check the ID, or ask for it to be made again."
    ),
    "client": gettext_lazy("Cannot be fixed: staff accounts have no profile in the app."),
    "told": gettext_lazy("Cannot be fixed: notifications are sent once, when it happens. Tell the user directly."),
}
"""Who can change the answer of a check and how, in a sentence. "who" are the groups of staff with the permission."""


type Verdict = list[tuple[str, bool | None]]
"""Checks by their codes, and how each went; None for those that were not reached."""


def judge(viewer_id: int, kind: str, thing_ids: Collection[int], *, at: datetime | None = None) -> dict[int, Verdict]:
    """The checks alone, of each of the things."""
    thing, world, viewer = _asked(viewer_id, kind, at)
    doors: Verdict = [(door.code, door.opens(viewer, world.now)) for door in thing.doors]
    policy = thing.seeing(viewer, world)
    steps = evaluate(policy, thing.model, thing_ids, world)
    unreached: Verdict = [(check.code, None) for check in policy.checks]
    return {
        number: [*doors, ("exists", True), *((step.check.code, step.passed) for step in steps[number])]
        if number in steps
        else [*doors, ("exists", False), *unreached]
        for number in thing_ids
    }


def judge_listing(
    viewer_id: int, kind: str, thing_ids: Collection[int], *, at: datetime | None = None
) -> dict[int, Verdict]:
    """Of what somebody sees: the checks of the list that it would be in; none where everything seen is listed."""
    thing, world, viewer = _asked(viewer_id, kind, at)
    steps = evaluate(thing.listing(viewer, world), thing.model, thing_ids, world) if thing.listing else {}
    return {number: [(step.check.code, step.passed) for step in steps.get(number, [])] for number in thing_ids}


def judge_telling(
    viewer_id: int, kind: str, thing_ids: Collection[int], *, at: datetime | None = None
) -> dict[int, Verdict]:
    """Whether they were told of each of the things and have read it; None where there is nothing to tell."""
    thing, world, viewer = _asked(viewer_id, kind, at)
    told = tellings(thing.model, viewer, thing_ids, world)
    return {number: _telling_verdict(thing, telling, world) for number, telling in told.items()}


def _telling_verdict(thing: Thing, telling: Telling, world: World) -> Verdict:
    """Of a notification, that it was made is the very first check; what is left is whether it was read."""
    delivered = ("delivered", telling.delivered(world.now))
    return [delivered] if thing.model is Notification else [("told", telling.told), delivered]


def ladder(viewer_id: int, kind: str, thing_id: int, *, at: datetime | None = None) -> Ladder:
    """Whether somebody sees a thing and what decides it, now or as it was `at` an earlier time.

    Raises `Absent` where there is (or was) no such person, `Invalid` for a time to come or an unknown kind.
    """
    thing, world, viewer = _asked(viewer_id, kind, at)
    row = world.of(thing.model).filter(id=thing_id).first()
    doors = {door.code: door for door in thing.doors}
    checks = {check.code: check for check in thing.seeing(viewer, world).checks}
    answers = []
    for code, passed in judge(viewer_id, kind, [thing_id], at=at)[thing_id]:
        if code in doors:
            question, perm, facts = doors[code].question, doors[code].fixable_by, of_account(code, viewer, world)
        elif code in checks:
            question, perm = checks[code].question, checks[code].fixable_by
            facts = facts_behind(code, viewer, row, world) if row is not None else []
            if checks[code].spares_own and row is not None and _is_own(thing, viewer, row, world):
                facts = [Fact(_("It is their own, so this check does not apply.")), *facts]
        else:
            question, perm = _existence(thing, at), ""
            facts = [] if passed else of_absence(thing.model, thing_id, world)
            if passed and isinstance(row, Notification):
                facts = [Fact(_("Created at %(time)s.") % {"time": when(row.created_at)}, row, row.created_at)]
        answers.append(Answer(code, question, passed, facts, _mender(code, perm) if passed is False else ""))
    if thing.listing:
        sees = all(answer.passed for answer in answers)
        verdict = judge_listing(viewer_id, kind, [thing_id], at=at)[thing_id] if sees else []
        answers.append(_listed(thing, thing.listing(viewer, world), verdict))
    answers += _telling(thing, viewer, thing_id, world)
    return Ladder(viewer, kind, thing_id, at, answers, remarks(thing.model, viewer, thing_id, world))


def _existence(thing: Thing, at: datetime | None) -> str:
    if thing.model is Notification:
        return _("Was this notification created?")
    return _("Does it exist?") if at is None else _("Did it exist?")


def _listed(thing: Thing, listing: Policy, verdict: Verdict) -> Answer:
    """Whether they find it without knowing of it; does not apply to what they do not see at all."""
    question = _("Is it shown in their %(list)s?") % {"list": thing.list_name}
    if not verdict:
        return Answer("listed", question, None, [Fact(_("They cannot see it at all."))], decides=False)
    failed = next((code for code, passed in verdict if not passed), None)
    if failed is None:
        return Answer("listed", question, True, decides=False)
    perm = next(check.fixable_by for check in listing.checks if check.code == failed)
    said = _("Not shown in the %(list)s: %(why)s.") % {"list": thing.list_name, "why": WHY[failed]}
    return Answer("listed", question, False, [Fact(said)], _mender(failed, perm), decides=False)


def _telling(thing: Thing, viewer: User, thing_id: int, world: World) -> list[Answer]:
    """Whether they were told, and whether it reached them."""
    telling = tellings(thing.model, viewer, [thing_id], world)[thing_id]
    answers = []
    for code, passed in _telling_verdict(thing, telling, world):
        if passed is None:
            facts = [Fact(_("There is nothing to notify them of.") if code == "told" else _("None was sent."))]
        else:
            facts = of_telling(telling, world) if code == "told" else of_delivery(telling, viewer, world)
        mender = _mender(code, "") if passed is False else ""
        answers.append(Answer(code, TOLD[code], passed, facts, mender, decides=False))
    return answers


TOLD: dict[str, Text] = {
    "told": gettext_lazy("Was the viewer notified of it?"),
    "delivered": gettext_lazy("Has the viewer read the notification?"),
}


def _asked(viewer_id: int, kind: str, at: datetime | None) -> tuple[Thing, World, User]:
    thing = THINGS.get(kind)
    if thing is None:
        raise Invalid("unknown", _("Unknown type. Choose one from the page of the user."), field="kind")
    try:
        world: World = PRESENT if at is None else Past(at, MADE)
    except ValueError as error:
        raise Invalid("future", _("This time is in the future. Choose an earlier one."), field="at") from error
    viewer = world.of(User).filter(id=viewer_id).first()
    if viewer is None:
        raise Absent(
            "not-found",
            _("This account did not exist at that time. Choose a later one.")
            if at
            else _("There is no account with this ID. Search for the user again."),
        )
    return thing, world, viewer


def _is_own(thing: Thing, viewer: User, row: Model, world: World) -> bool:
    own = thing.seeing(viewer, world).own
    return own is not None and world.of(thing.model).filter(own, id=row.pk).exists()


def _mender(code: str, perm: str) -> str:
    """Who can change the answer of a check that failed, and how: by the permission that it takes, if it takes one."""
    return str(FIXABLE.get(code, _("Can be fixed by: %(who)s."))) % {"who": _who(perm)}


def _who(perm: str) -> str:
    if not perm:
        return _("a superuser")
    app_label, codename = perm.split(".")
    groups = Group.objects.filter(permissions__content_type__app_label=app_label, permissions__codename=codename)
    return ", ".join(sorted(groups.values_list("name", flat=True))) or _("a superuser")
