"""Who holds what among staff: what ends soon, what nobody uses, and what one person should not hold together.

And what two people decide together who may be one: then access managers are alerted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _say
from django.utils.translation import gettext_lazy as _
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model
from procrastinate.contrib.django import app

from apps.access import holders, models_with_row_grants, require, unended, with_scoped
from apps.audit.actions import Action
from apps.audit.models import Entry, Use
from apps.audit.services import record
from apps.errors import Absent
from apps.review.models import Reveal, RevealAllowance
from apps.review.reveals import RATION, RATION_OF
from apps.review.texts import sensible_reason
from apps.users.accounts.guards import KEEPS_ACCESS, not_above, not_oneself
from apps.users.models import GroupMembership, User

ENDS_SOON = timedelta(days=14)
UNUSED_AFTER = timedelta(days=90)
NEW_FOR = timedelta(days=7)
"""For so long whoever made an account, or set its password, may still be the one who signs in with it."""
ALERTS_SHOWN_FOR = timedelta(days=30)
STAFF_ADDED_BEFORE = "staff account made"
"""What earlier releases wrote in place of `Action.STAFF_ADDED`."""
"""The reason of an account's first version."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two permissions that one person should not hold together."""

    one: str
    other: str
    sentence: str | Promise


PAIRS = (
    Pair("users.review_document", "users.change_user", _("approves documents and edits the same users")),
    Pair("users.review_document", "users.change_profile", _("approves documents and edits the same users' profiles")),
    Pair(
        "users.review_document", "users.change_reviewrule", _("approves documents and decides which ones two approve")
    ),
    Pair(
        "users.review_document",
        "users.change_qualityshare",
        _("approves documents and decides how many are judged twice"),
    ),
    Pair("users.review_document", "users.change_staff", _("approves documents and decides who else may")),
    Pair("users.change_staff", "moderation.settle_report", _("decides reports and who else may decide them")),
    Pair("users.reveal_user", "users.export_user", _("reads personal data in clear and may carry all of it away")),
)


@dataclass(slots=True)
class Grant:
    """A permission on one row, given to an account or to a group."""

    row: Any
    """The guardian row."""
    model: Any

    @property
    def perm(self) -> str:
        return f"{self.model._meta.app_label}.{self.row.permission.codename}"

    @property
    def thing(self) -> str:
        return f"{self.model._meta.verbose_name} {self.row.content_object_id}"


@dataclass(slots=True)
class Holding:
    """One member of staff and everything by which they hold something now."""

    person: User
    memberships: list[GroupMembership] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    """Their own on single rows."""
    perms: set[str] = field(default_factory=set)
    """What they hold on all rows or on some."""
    used: set[str] = field(default_factory=set)
    """What they made use of lately."""

    @property
    def pairs(self) -> list[Pair]:
        return dangerous(self.perms)

    @property
    def idle_memberships(self) -> list[GroupMembership]:
        """Memberships of which nothing was made use of for as long as it takes to ask why they are there."""
        since = timezone.now() - UNUSED_AFTER
        return [
            member
            for member in self.memberships
            if member.begun_at <= since and not self.used & with_scoped(perms_of_group(member.group))
        ]

    @property
    def idle_grants(self) -> list[Grant]:
        since = timezone.now() - UNUSED_AFTER
        return [grant for grant in self.grants if grant.row.begun_at <= since and grant.perm not in self.used]


def dangerous(perms: Iterable[str]) -> list[Pair]:
    held = with_scoped(perms)
    return [pair for pair in PAIRS if pair.one in held and pair.other in held]


def perms_of_group(group: Group) -> set[str]:
    return {_name(permission) for permission in group.permissions.all()}


def holdings(ids: Iterable[int] | None = None) -> list[Holding]:
    """All active staff, or those of `ids`, by name. A fixed number of queries, however many they are.

    Superusers are among them with what they are given; that they may do everything else is known.
    """
    people = User.objects.staff().active().order_by("username")
    if ids is not None:
        people = people.filter(pk__in=set(ids))
    found = {person.pk: Holding(person) for person in people}
    groups: dict[int, list[int]] = defaultdict(list)
    members = GroupMembership.objects.filter(unended(), user__in=found).select_related("group")
    for member in members.prefetch_related("group__permissions__content_type").order_by("group__name"):
        holding = found[member.user_id]
        holding.memberships.append(member)
        holding.perms |= perms_of_group(member.group)
        groups[member.group_id].append(member.user_id)
    direct = User.user_permissions.through.objects.filter(user__in=found)
    for row in direct.select_related("permission__content_type"):
        found[row.user_id].perms.add(_name(row.permission))
    for model in models_with_row_grants():
        own = get_user_obj_perms_model(model).objects  # type: ignore[arg-type, attr-defined]
        for row in own.filter(unended(), user__in=found).select_related("permission__content_type").order_by("id"):
            found[row.user_id].grants.append(Grant(row, model))
            found[row.user_id].perms.add(_name(row.permission))
        theirs = get_group_obj_perms_model(model).objects  # type: ignore[arg-type, attr-defined]
        for row in theirs.filter(unended(), group__in=groups).select_related("permission__content_type"):
            for number in groups[row.group_id]:
                found[number].perms.add(_name(row.permission))
    since = (timezone.now() - UNUSED_AFTER).date()
    for number, perm in Use.objects.filter(user__in=found, last_on__gte=since).values_list("user_id", "perm"):
        found[number].used.add(perm)
    return list(found.values())


def ends_soon(ends_at: datetime | None) -> bool:
    return ends_at is not None and ends_at <= timezone.now() + ENDS_SOON


def giving(perm: str) -> list[Group]:
    """The groups that give `perm`, by name."""
    app_label, _dot, codename = perm.partition(".")
    held = Permission.objects.filter(Q(content_type__app_label=app_label), codename=codename)
    return list(Group.objects.filter(permissions__in=held).order_by("name").distinct())


@transaction.atomic
def allow_reveals(actor: User, staff_id: int, *, reason: str) -> RevealAllowance:
    """Let somebody else reveal as much again within 24 hours. Kept, and alerted like a decision of two."""
    require(actor, "desk.allow_reveals")
    person = User.objects.staff().active().filter(pk=staff_id).first()
    if person is None:
        raise Absent("not-found", _say("There is no such staff account."))
    not_oneself(actor, person, _say("Somebody else allows you more reveals."))
    not_above(actor, person)
    reason = sensible_reason(reason, _say("Say why they need more."))
    allowed = RevealAllowance.objects.create(staff=person, allowed_by=actor, reason=reason)
    record(actor, Action.GRANTED, person, reason=reason, reveals=RATION)
    alert_if_one(person, actor, person)
    return allowed


def reveal_figures() -> list[tuple[User, int, int]]:
    """Who has revealed something in the last 24 hours: how often, and how often they may. Most first."""
    since = timezone.now() - RATION_OF
    counted = Counter(Reveal.objects.filter(counts=True, created_at__gt=since).values_list("staff", flat=True))
    allowed = Counter(RevealAllowance.objects.filter(created_at__gt=since).values_list("staff", flat=True))
    people = User.objects.in_bulk(counted)
    return [(people[pk], times, RATION * (1 + allowed[pk])) for pk, times in counted.most_common()]


def alert_if_one(first: User, second: User, target: Model, *, since: datetime | None = None) -> Entry | None:
    """Alert access managers where one person may sign in as both who decided.

    That is where one of the two made the other's account lately or set its password, or a third person did so with
    both: within `NEW_FOR` before `since`, when the first of them decided (now, if it is not given), or after. The
    decision stands: this is for somebody to look at.
    """
    after = (since or timezone.now()) - NEW_FOR
    of_first, of_second = _makers(first, after), _makers(second, after)
    made = second if first.pk in of_second else first if second.pk in of_first else None
    of_both = of_first & of_second if made is None else set()
    if made is None and not of_both:
        return None
    facts: dict[str, Any] = {
        "one": first.username,
        "other": second.username,
        "about": f"{target._meta.verbose_name} {target.pk}",
    }
    if of_both:
        makers = User.objects.filter(pk__in=of_both).order_by("username")
        facts["by"] = ", ".join(makers.values_list("username", flat=True))
    entry = record(second, Action.ALERTED, target, **({"made": made.username} if made else {}), **facts)
    for manager in holders(KEEPS_ACCESS, superusers=True).exclude(pk__in={first.pk, second.pk, *of_both}):
        app.configure_task("users.mail_notice").defer(user_id=manager.pk, notice="one_pair_of_eyes", facts=facts)
    return entry


def alerts() -> QuerySet[Entry]:
    """The alerts of the last month, latest first."""
    return Entry.objects.filter(verb=Action.ALERTED, created_at__gte=timezone.now() - ALERTS_SHOWN_FOR).select_related(
        "actor"
    )


def _makers(person: User, after: datetime) -> set[int]:
    """Who made the account of `person` since then, or set its password: by their ids."""
    added = Q(action=Action.STAFF_ADDED) | Q(action="", history_change_reason=STAFF_ADDED_BEFORE)
    versions = User.history.filter(added, id=person.pk, history_date__gte=after)
    set_by = Entry.objects.filter(
        verb=Action.PASSWORD_SET,
        target_type=User._meta.label_lower,
        target_id=str(person.pk),
        created_at__gte=after,
    )
    return {*versions.values_list("history_user", flat=True), *set_by.values_list("actor", flat=True)} - {None}


def _name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
