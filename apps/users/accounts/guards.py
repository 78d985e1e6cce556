"""Who stands above whom among staff, and what they may hand out.

Three rules hold over all that the access desk does, whoever asks and at whichever door: nobody changes their own
rights; nobody but a superuser touches those above them, or hands out the rights of the access desk itself; and
somebody who keeps access always remains. What somebody of the access desk signs in with is theirs or a superuser's
to change.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.access import holders, memberships
from apps.errors import Conflict, Refused
from apps.users.models import User

ACCESS_DESK = (
    Q(content_type__app_label="auth")
    | Q(content_type__app_label="users", content_type__model__in=("staff", "session", "mfareset"))
    | Q(content_type__app_label="desk", content_type__model="revealallowance")
    | Q(content_type__app_label="audit", content_type__model="entry")
)
"""The permissions with which one gives permissions, allows reveals, ends others' sessions, resets second factors, and
reads the audit log."""
KEEPS_ACCESS = "users.change_staff"


def is_above(person: User, actor: User) -> bool:
    return person.is_superuser and not actor.is_superuser


def givable(actor: User) -> QuerySet[Permission]:
    """The permissions that `actor` may hand out or take back."""
    return Permission.objects.all() if actor.is_superuser else Permission.objects.exclude(ACCESS_DESK)


def require_givable(actor: User, permissions: Iterable[Permission]) -> None:
    """Refuse whoever hands out, or takes back, what only superusers give."""
    ids = {permission.pk for permission in permissions}
    kept_back = Permission.objects.filter(pk__in=ids).exclude(pk__in=givable(actor).values("pk")).first()
    if kept_back is not None:
        raise Refused(
            "superuser-only",
            _("Only a superuser can grant or revoke “%(name)s”.") % {"name": kept_back.name},
            field="permissions",
        )


def access_groups() -> QuerySet[Group]:
    """The groups that give something of the access desk."""
    return Group.objects.filter(permissions__in=Permission.objects.filter(ACCESS_DESK)).distinct()


def holds_access_rights(user: User) -> bool:
    groups = memberships(user).values("group")
    return Permission.objects.filter(ACCESS_DESK).filter(Q(user=user) | Q(group__in=groups)).exists()


def require_joinable(actor: User, groups: Iterable[Group]) -> None:
    """Refuse to let anybody but a superuser put people into, or take them out of, a group of the access desk."""
    if actor.is_superuser:
        return
    for group in groups:
        if group.permissions.filter(ACCESS_DESK).exists():
            raise Refused(
                "superuser-only",
                _("Only a superuser can add members to “%(name)s” or remove them.") % {"name": group.name},
                field="groups",
            )


def not_oneself(actor: User, user: User, sentence: str) -> None:
    if user.pk == actor.pk:
        raise Refused("own-rights", sentence)


def not_above(actor: User, user: User) -> None:
    if is_above(user, actor):
        raise Refused(
            "above-you", _("%(name)s is a superuser. Only superusers can change this account.") % {"name": user}
        )


def is_peer(actor: User, user: User) -> bool:
    """Whether `user` is somebody else who holds rights of the access desk, as `actor` does at most."""
    return not actor.is_superuser and user.pk != actor.pk and holds_access_rights(user)


def not_a_peer(actor: User, user: User) -> None:
    """By what one signs in with, nobody must come to rights that they may not give: a peer's account is left alone."""
    if is_peer(actor, user):
        raise Refused(
            "superuser-only",
            _("%(name)s is an access manager too; only a superuser can change this account.") % {"name": user},
        )


def not_in(actor: User, group: Group) -> None:
    if group.pk and not actor.is_superuser and memberships(actor).filter(group=group).exists():
        raise Refused("own-rights", _("You are a member of this group, and you cannot change your own permissions."))


def access_administrators() -> QuerySet[User]:
    """Those who keep access for good. Whose time ends does not count: nobody would remain from that second on."""
    return holders(KEEPS_ACCESS, for_good=True)


def lock_access_administrators() -> set[int]:
    """The ids of those who keep access, held until the transaction ends: two must not remove each other at once."""
    app_label, codename = KEEPS_ACCESS.split(".")
    Permission.objects.select_for_update().get(content_type__app_label=app_label, codename=codename)
    return set(access_administrators().values_list("pk", flat=True))


def somebody_remains(before: set[int]) -> None:
    if before and not access_administrators().exists():
        raise Conflict(
            "last-access-manager",
            _("This would remove the last permanent access manager. Add another one first."),
        )
