"""The permission board: all permissions that can be granted, by the table that they are about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet
from django.forms.models import ModelChoiceIterator
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from admin_dashboards.menu import SECTIONS

BESIDE_TABLES: dict[str, str | Promise] = {
    "users.ReviewRule": gettext_lazy("Desks › Four-eyes rules"),
    "users.QualityShare": gettext_lazy("Desks › Share of blind reviews"),
    "users.BlindCheck": gettext_lazy("Desks › Agreement of officers"),
    "desk.Goal": gettext_lazy("Desks › SLA"),
    "audit.Entry": gettext_lazy("Desks › Audit log"),
}
"""Models without a table in the console, whose permissions are on the board."""


def offered() -> QuerySet[Permission]:
    """The permissions about the console's tables, and about what desks go by."""
    tables = Q()
    for app_label, model in _titles():
        tables |= Q(content_type__app_label=app_label, content_type__model=model)
    return Permission.objects.filter(tables).select_related("content_type")


def _titles() -> dict[tuple[str, str], str]:
    """What each table is called on the board, in the order of the menu."""
    titles = {
        entry.model: str(entry.title) if str(entry.title) == str(section) else f"{section} › {entry.title}"
        for section, entries in SECTIONS
        for entry in entries
    }
    titles |= {model: str(title) for model, title in BESIDE_TABLES.items()}
    return {tuple(model.lower().split(".")): title for model, title in titles.items()}  # type: ignore[misc]


class ByTable(ModelChoiceIterator):
    """Choices as option groups, one a table."""

    def __iter__(self) -> Any:
        for title, permissions in by_table(self.queryset):
            yield title, [self.choice(permission) for permission in permissions]


def by_table(permissions: Iterable[Permission]) -> list[tuple[str, list[Permission]]]:
    """Permissions by the table that they are about; seeing comes first, then the rest by name."""
    titles = _titles()
    groups: dict[tuple[str, str], list[Permission]] = {key: [] for key in titles}
    for permission in permissions:
        groups[permission.content_type.app_label, permission.content_type.model].append(permission)
    return [
        (titles[key], sorted(found, key=lambda p: (not p.codename.startswith("view_"), p.name)))
        for key, found in groups.items()
        if found
    ]


VERBS = {
    "view": gettext_lazy("See"),
    "add": gettext_lazy("Add"),
    "change": gettext_lazy("Change"),
    "delete": gettext_lazy("Delete"),
    "own": gettext_lazy("More"),
}
"""The columns of the board; whatever is none of Django's four stands in the last."""


class PermissionBoard(forms.CheckboxSelectMultiple):
    """A grid of tick boxes, table by verb, under a box to type in. It can be read and ticked without JavaScript."""

    template_name = "access/permission_board.html"
    kept_back: Iterable[int] = ()
    """Permissions that are shown, and that the viewer may neither grant nor revoke."""

    def get_context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().get_context(*args, **kwargs) | {"verbs": VERBS.items()}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        permission = value.instance
        option["perm"] = f"{permission.content_type.app_label}.{permission.codename}"
        verb = permission.codename.split("_", 1)[0]
        option["verb"] = verb if verb in VERBS else "own"
        if permission.pk in set(self.kept_back):
            option["attrs"]["disabled"] = True
        return option


class PermissionsField(forms.ModelMultipleChoiceField):
    widget = PermissionBoard
    iterator = ByTable

    def label_from_instance(self, obj: Permission) -> str:
        return obj.name
