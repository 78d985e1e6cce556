"""What the apps declare in their `permissions.py`: rules, scopes and scoped permissions, each read once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet

type Rule = Callable[[Any, Any], bool]
type Scope = Callable[[Any], QuerySet[Any]]


@cache
def rules() -> dict[str, Rule]:
    """All rules, by permission."""
    return {perm: rule for module in permission_modules() for perm, rule in getattr(module, "RULES", {}).items()}


@cache
def scopes() -> dict[type[Model], Scope]:
    """All scopes, by model."""
    return {model: scope for module in permission_modules() for model, scope in getattr(module, "SCOPES", {}).items()}


def permission_modules() -> list[Any]:
    """The `permissions.py` of every app that has one."""
    names = (f"{config.name}.permissions" for config in apps.get_app_configs() if config.name.startswith("apps."))
    return [import_module(name) for name in names if find_spec(name)]


def permission_filter(perm: str, prefix: str = "") -> dict[str, str]:
    """The lookups that find `perm` in Django's table; `prefix` leads there by a relation, such as "permission__"."""
    app_label, codename = perm.split(".", 1)
    return {f"{prefix}content_type__app_label": app_label, f"{prefix}codename": codename}
