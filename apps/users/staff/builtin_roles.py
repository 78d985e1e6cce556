"""The built-in groups of staff, as `fixtures/roles.json` lists them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import connections, transaction

from apps.audit.actions import Action
from apps.audit.history import history_of, save_as, without_version
from apps.errors import Invalid

FILE = settings.BASE_DIR / "fixtures" / "roles.json"
ACCESS_MANAGER = "Access Manager"

type NaturalKey = tuple[str, str, str]


@cache
def listed() -> dict[str, tuple[NaturalKey, ...]]:
    """The permissions of each built-in group: code name, app, model."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        row["fields"]["name"]: tuple((code, app, model) for code, app, model in row["fields"]["permissions"])
        for row in rows
    }


def is_built_in(name: str) -> bool:
    return name in listed()


@transaction.atomic
def setup_roles() -> list[str]:
    """Give each built-in group exactly the permissions of the file; answers the names of those it changed.

    Groups that staff made are left alone. Raises `Invalid` where the file names a permission that does not exist.
    """
    changed = []
    for name, keys in listed().items():
        wanted = {_permission(key) for key in keys}
        group = Group.objects.select_for_update().filter(name=name).first() or Group(name=name)
        if group.pk is None or set(group.permissions.all()) != wanted:
            save_group_as(None, group, wanted, action=Action.ROLES_SET_UP)
            changed.append(name)
    return changed


def save_group_as(actor: Any, group: Group, permissions: set[Permission], *, action: Action) -> None:
    """Save the group with its permissions as one version of its history."""
    with without_version(group):
        group.save()
        group.permissions.set(permissions)
    save_as(actor, group, action=action)


def setup_roles_after_migrate(app_config: Any, using: str, **_: Any) -> None:
    """Receiver of `post_migrate`: once all apps have their permissions."""
    from django.apps import apps

    if app_config is list(apps.get_app_configs())[-1]:
        tables = connections[using].introspection.table_names()
        if {Group._meta.db_table, history_of(Group).model._meta.db_table} <= set(tables):
            setup_roles()


def _permission(key: NaturalKey) -> Permission:
    try:
        return Permission.objects.get_by_natural_key(*key)
    except Permission.DoesNotExist as error:
        raise Invalid("no-such-permission", f"{FILE.name} names {key[1]}.{key[0]}, which does not exist.") from error
