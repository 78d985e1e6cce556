"""Privilege guards: which staff accounts an administrator may change, and which permissions they may grant.

Three rules apply to every service that changes access: own permissions cannot be changed; only superusers change
superusers, or grant the permissions of access administration; and at least one permanent access administrator remains.
The credentials of an access administrator are changed by that user or a superuser alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.access import holders, memberships
from apps.errors import Conflict, Refused
from apps.users.models import User

ACCESS_PERMISSIONS = (
    Q(content_type__app_label="auth")
    | Q(content_type__app_label="users", content_type__model__in=("staff", "session", "mfareset"))
    | Q(content_type__app_label="desk", content_type__model="revealallowance")
    | Q(content_type__app_label="audit", content_type__model="entry")
)
"""The permissions to grant permissions, allow reveals, end other users' sessions, reset second factors and read the
audit log."""
ACCESS_ADMINISTRATION = "users.change_staff"


def is_protected_superuser(person: User, actor: User) -> bool:
    return person.is_superuser and not actor.is_superuser


def grantable(actor: User) -> QuerySet[Permission]:
    """The permissions that `actor` may grant or revoke."""
    return Permission.objects.all() if actor.is_superuser else Permission.objects.exclude(ACCESS_PERMISSIONS)


def require_grantable(actor: User, permissions: Iterable[Permission]) -> None:
    """Raise `Refused` where one of the permissions is granted and revoked by superusers alone."""
    ids = {permission.pk for permission in permissions}
    kept_back = Permission.objects.filter(pk__in=ids).exclude(pk__in=grantable(actor).values("pk")).first()
    if kept_back is not None:
        raise Refused(
            "superuser-only",
            _("Only a superuser can grant or revoke “%(name)s”.") % {"name": kept_back.name},
            field="permissions",
        )


def access_groups() -> QuerySet[Group]:
    """The groups with a permission of access administration."""
    return Group.objects.filter(permissions__in=Permission.objects.filter(ACCESS_PERMISSIONS)).distinct()


def has_access_permissions(user: User) -> bool:
    groups = memberships(user).values("group")
    return Permission.objects.filter(ACCESS_PERMISSIONS).filter(Q(user=user) | Q(group__in=groups)).exists()


def require_joinable(actor: User, groups: Iterable[Group]) -> None:
    """Raise `Refused` where one of the groups is of access administration and `actor` no superuser."""
    if actor.is_superuser:
        return
    for group in groups:
        if group.permissions.filter(ACCESS_PERMISSIONS).exists():
            raise Refused(
                "superuser-only",
                _("Only a superuser can add members to “%(name)s” or remove them.") % {"name": group.name},
                field="groups",
            )


def refuse_oneself(actor: User, user: User, sentence: str) -> None:
    if user.pk == actor.pk:
        raise Refused("own-rights", sentence)


def refuse_superuser(actor: User, user: User) -> None:
    if is_protected_superuser(user, actor):
        raise Refused(
            "above-you", _("%(name)s is a superuser. Only superusers can change this account.") % {"name": user}
        )


def is_protected_administrator(actor: User, user: User) -> bool:
    """Whether `user` is another account with permissions of access administration, and `actor` no superuser."""
    return not actor.is_superuser and user.pk != actor.pk and has_access_permissions(user)


def refuse_access_administrator(actor: User, user: User) -> None:
    """Raise `Refused` where changed credentials would give `actor` permissions that they may not grant."""
    if is_protected_administrator(actor, user):
        raise Refused(
            "superuser-only",
            _("%(name)s is an access manager too; only a superuser can change this account.") % {"name": user},
        )


def refuse_own_group(actor: User, group: Group) -> None:
    if group.pk and not actor.is_superuser and memberships(actor).filter(group=group).exists():
        raise Refused("own-rights", _("You are a member of this group, and you cannot change your own permissions."))


def access_administrators() -> QuerySet[User]:
    """The permanent access administrators. Time-boxed ones do not count: none might remain after the end."""
    return holders(ACCESS_ADMINISTRATION, for_good=True)


def lock_access_administrators() -> set[int]:
    """The ids of the access administrators, locked until the commit, so that two cannot remove each other at once."""
    app_label, codename = ACCESS_ADMINISTRATION.split(".")
    Permission.objects.select_for_update().get(content_type__app_label=app_label, codename=codename)
    return set(access_administrators().values_list("pk", flat=True))


def require_remaining_administrator(before: set[int]) -> None:
    if before and not access_administrators().exists():
        raise Conflict(
            "last-access-manager",
            _("This would remove the last permanent access manager. Add another one first."),
        )
