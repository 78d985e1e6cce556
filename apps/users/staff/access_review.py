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

from apps.access import models_with_row_grants, unended, unended_row_grants, with_scoped
from apps.audit.models import Use
from apps.users.models import GroupMembership, User

ENDS_SOON = timedelta(days=14)


UNUSED_AFTER = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Pair:
    """A dangerous pair: two permissions that should not be granted to the same user."""

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
        _("approves documents and decides how many are checked twice"),
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
    def target(self) -> str:
        return f"{self.model._meta.verbose_name} {self.row.content_object_id}"


@dataclass(slots=True)
class StaffAccess:
    """A member of staff with all memberships, grants and permissions in force."""

    person: User
    memberships: list[GroupMembership] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    """The user's own, on single rows."""
    perms: set[str] = field(default_factory=set)
    """Permissions on all rows or on some."""
    used: set[str] = field(default_factory=set)
    """Permissions used within `UNUSED_AFTER`."""

    @property
    def pairs(self) -> list[Pair]:
        return dangerous(self.perms)

    @property
    def idle_memberships(self) -> list[GroupMembership]:
        """Memberships of which no permission was used within `UNUSED_AFTER`."""
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
    granted = with_scoped(perms)
    return [pair for pair in PAIRS if pair.one in granted and pair.other in granted]


def perms_of_group(group: Group) -> set[str]:
    return {_name(permission) for permission in group.permissions.all()}


def staff_access(ids: Iterable[int] | None = None) -> list[StaffAccess]:
    """The access of all active staff, or of those in `ids`, by name. A fixed number of queries.

    Superusers are listed with their explicit grants alone.
    """
    people = User.objects.staff().active().order_by("username")
    if ids is not None:
        people = people.filter(pk__in=set(ids))
    found = {person.pk: StaffAccess(person) for person in people}
    groups: dict[int, list[int]] = defaultdict(list)
    members = GroupMembership.objects.filter(unended(), user__in=found).select_related("group")
    for member in members.prefetch_related("group__permissions__content_type").order_by("group__name"):
        access = found[member.user_id]
        access.memberships.append(member)
        access.perms |= perms_of_group(member.group)
        groups[member.group_id].append(member.user_id)
    direct = User.user_permissions.through.objects.filter(user__in=found)
    for row in direct.select_related("permission__content_type"):
        found[row.user_id].perms.add(_name(row.permission))
    for model in models_with_row_grants():
        own, theirs = unended_row_grants(model)
        for row in own.filter(user__in=found).select_related("permission__content_type").order_by("id"):
            found[row.user_id].grants.append(Grant(row, model))
            found[row.user_id].perms.add(_name(row.permission))
        for row in theirs.filter(group__in=groups).select_related("permission__content_type"):
            for number in groups[row.group_id]:
                found[number].perms.add(_name(row.permission))
    since = (timezone.now() - UNUSED_AFTER).date()
    for number, perm in Use.objects.filter(user__in=found, last_on__gte=since).values_list("user_id", "perm"):
        found[number].used.add(perm)
    return list(found.values())


def ends_soon(ends_at: datetime | None) -> bool:
    return ends_at is not None and ends_at <= timezone.now() + ENDS_SOON


def groups_granting(perm: str) -> list[Group]:
    """The groups that grant `perm`, by name."""
    app_label, _dot, codename = perm.partition(".")
    granted = Permission.objects.filter(Q(content_type__app_label=app_label), codename=codename)
    return list(Group.objects.filter(permissions__in=granted).order_by("name").distinct())


def _name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
