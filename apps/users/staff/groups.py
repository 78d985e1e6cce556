"""Groups of staff and the permissions of each."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import delete_as
from apps.errors import Absent, Conflict, Invalid
from apps.users.accounts.guards import (
    lock_access_administrators,
    refuse_own_group,
    require_grantable,
    require_remaining_administrator,
)
from apps.users.models import User
from apps.users.staff.builtin_roles import is_built_in, save_group_as

MAX_NAME = 150


@transaction.atomic
def save_group(actor: User, group_id: int | None = None, *, name: str, permissions: Iterable[Permission]) -> Group:
    """Make a group, or change one: its name and everything that it allows."""
    require(actor, "auth.add_group" if group_id is None else "auth.change_group")
    access_administrators = lock_access_administrators()
    group = Group() if group_id is None else _locked_group(group_id)
    if group.pk is None or name != group.name:
        _check_group_name(group, name)
    have = set(group.permissions.all()) if group.pk else set()
    wanted = set(permissions)
    if wanted != have:
        refuse_own_group(actor, group)
        require_grantable(actor, wanted ^ have)
    group.name = name
    save_group_as(actor, group, wanted, action=Action.GROUP_SAVED)
    require_remaining_administrator(access_administrators)
    return group


@transaction.atomic
def delete_group(actor: User, group_id: int) -> None:
    """Delete a group that staff made; its members lose what it allowed."""
    require(actor, "auth.delete_group")
    access_administrators = lock_access_administrators()
    group = _locked_group(group_id)
    if is_built_in(group.name):
        raise Conflict("built-in-group", _("“%(name)s” is built in and stays.") % {"name": group.name})
    refuse_own_group(actor, group)
    require_grantable(actor, group.permissions.all())
    delete_as(actor, group, action=Action.GROUP_DELETED)
    require_remaining_administrator(access_administrators)


def _locked_group(group_id: int) -> Group:
    group = Group.objects.select_for_update().filter(pk=group_id).first()
    if group is None:
        raise Absent("not-found", _("This group no longer exists. Reload the page."))
    return group


def _check_group_name(group: Group, name: str) -> None:
    if group.pk and is_built_in(group.name):
        raise Conflict("built-in-group", _("A built-in group keeps its name."), field="name")
    if not name.strip() or len(name) > MAX_NAME:
        raise Invalid(
            "name-length", _("Give the group a name of at most %(most)d letters.") % {"most": MAX_NAME}, field="name"
        )
    if Group.objects.filter(name__iexact=name).exclude(pk=group.pk).exists():
        raise Invalid("taken", _("There is a group of this name already."), field="name")
