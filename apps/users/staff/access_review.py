"""Access review: what each member of staff is granted, what ends soon, what is unused, and dangerous pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from apps.access import models_with_row_grants, unended, with_scoped
from apps.audit.models import Use
from apps.users.models import GroupMembership, User

ENDS_SOON = timedelta(days=14)


UNUSED_AFTER = timedelta(days=90)


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


def _name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
