"""What officers were given, by groups and on single rows, and the keys by which the desk revokes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from guardian.utils import get_user_obj_perms_model

from admin_dashboards.context import StaffRequest
from apps.access import may, models_with_row_grants
from apps.errors import Absent
from apps.users.accounts.guards import access_groups, is_protected_superuser
from apps.users.models import GroupMembership, User
from apps.users.staff.access_review import Grant, StaffAccess, ends_soon


@dataclass(frozen=True, slots=True)
class Line:
    """A membership or a permission on one row, for a list of the desk."""

    person: User
    what: str | SafeString
    until: Any = None
    since: Any = None
    key: str = ""
    """Of the button that revokes it; empty where the viewer may not."""


class RevokeKeys:
    """The keys of buttons that revoke; empty where the viewer may not, so that there is no button."""

    def __init__(self, request: StaffRequest) -> None:
        actor: Any = request.user
        self.actor = actor
        self.access_groups = set(access_groups().values_list("pk", flat=True))
        self.may_revoke_grants = bool(may(actor, "users.grant_permission"))

    def _may_revoke_from(self, person: User) -> bool:
        return person.pk != self.actor.pk and not is_protected_superuser(person, self.actor)

    def membership(self, person: User, member: GroupMembership) -> str:
        free = self.actor.is_superuser or member.group_id not in self.access_groups
        return f"member:{member.pk}" if free and self._may_revoke_from(person) else ""

    def grant(self, person: User, grant: Grant) -> str:
        return (
            f"{grant.model._meta.model_name}:{grant.row.pk}"
            if self.may_revoke_grants and self._may_revoke_from(person)
            else ""
        )


def ending(accounts: list[StaffAccess], keys: RevokeKeys) -> Iterator[Line]:
    """What ends soon."""
    for each in accounts:
        for member in each.memberships:
            if ends_soon(member.ends_at):
                yield _member_line(each, member, keys)
        for grant in each.grants:
            if ends_soon(grant.row.ends_at):
                yield _grant_line(each, grant, keys)


def unused(accounts: list[StaffAccess], keys: RevokeKeys) -> Iterator[Line]:
    """What has not been used for long."""
    for each in accounts:
        for member in each.idle_memberships:
            yield _member_line(each, member, keys)
        for grant in each.idle_grants:
            yield _grant_line(each, grant, keys)


def _member_line(each: StaffAccess, member: GroupMembership, keys: RevokeKeys) -> Line:
    key = keys.membership(each.person, member)
    return Line(each.person, member.group.name, member.ends_at, member.begun_at, key)


def _grant_line(each: StaffAccess, grant: Grant, keys: RevokeKeys) -> Line:
    what = f"{grant.row.permission.name} · {grant.target}"
    return Line(each.person, what, grant.row.ends_at, grant.row.begun_at, keys.grant(each.person, grant))


def revocable(kind: str, number: int) -> GroupMembership | Grant:
    """The membership or the permission on one row that a key names.

    Raises `Absent` where it has been revoked already.
    """
    found: GroupMembership | Grant | None
    if kind == "member":
        found = GroupMembership.objects.select_related("user", "group").filter(pk=number).first()
    else:
        found = next(
            (_grant(model, number) for model in models_with_row_grants() if model._meta.model_name == kind), None
        )
    if found is None:
        raise Absent("not-found", _("Already revoked."))
    return found


def _grant(model: Any, number: int) -> Grant | None:
    row = get_user_obj_perms_model(model).objects.select_related("user", "permission").filter(pk=number).first()  # type: ignore[attr-defined]
    return Grant(row, model) if row else None
