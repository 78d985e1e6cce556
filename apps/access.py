"""Who may do what: the one place that answers it, for every door.

Django's permission names are the vocabulary ("stories.delete_story"). A permission is held

- model-wide, through a group or directly,
- on one row, granted through guardian,
- by a rule of the app that owns the model: `RULES = {"events.change_event": is_host}` in its `permissions.py`.

Which rows somebody sees is answered the same way: `granted` for staff, by grants alone; `visible` for end users,
grants plus the app's `SCOPES = {Event: public_or_hosted}`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.db.models import Model, QuerySet
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from guardian.core import ObjectPermissionChecker
from guardian.shortcuts import get_objects_for_user
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from apps.errors import Refused

if TYPE_CHECKING:
    from apps.users.models import User

type Rule = Callable[[Any, Any], bool]
type Scope = Callable[[Any], QuerySet[Any]]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether somebody may do something, and why. True in a condition where it is allowed."""

    allowed: bool
    perm: str
    via: str
    """`superuser`, `model`, `row`, `rule`, or, refused, `inactive` or `missing`."""
    sentence: str

    def __bool__(self) -> bool:
        return self.allowed


@cache
def rules() -> dict[str, Rule]:
    return {perm: rule for module in _permission_modules() for perm, rule in getattr(module, "RULES", {}).items()}


@cache
def scopes() -> dict[type[Model], Scope]:
    return {model: scope for module in _permission_modules() for model, scope in getattr(module, "SCOPES", {}).items()}


def _permission_modules() -> list[Any]:
    names = (f"{config.name}.permissions" for config in apps.get_app_configs() if config.name.startswith("apps."))
    return [import_module(name) for name in names if find_spec(name)]


def may(user: User, perm: str, obj: Model | None = None) -> Decision:
    """Whether `user` holds `perm`: model-wide, on the row `obj`, or by a rule about `obj`."""
    if not user.is_active:
        return Decision(False, perm, "inactive", _("This account is switched off."))
    if user.is_superuser:
        return Decision(True, perm, "superuser", _("A superuser may do everything."))
    # Grants count on staff accounts only, so that one left on an end user opens nothing.
    if user.is_staff:
        if user.has_perm(perm):
            return Decision(True, perm, "model", _("Held for all rows."))
        if obj is not None and has_row_grants(type(obj)) and _granted_on_row(user, perm, obj):
            return Decision(True, perm, "row", _("Granted on this row."))
    rule = rules().get(perm)
    if obj is not None and rule is not None and rule(user, obj):
        return Decision(True, perm, "rule", _("Allowed to this person by a rule of the product."))
    # Worded only where somebody reads it: it takes a query or two, and most refusals only hide a button.
    return Decision(False, perm, "missing", _lazily_missing(user, perm, obj))


def require(user: User, perm: str, obj: Model | None = None) -> None:
    """Return where `user` may; raise `Refused` with a sentence that says what is missing otherwise."""
    decision = may(user, perm, obj)
    if not decision:
        raise Refused("permission-missing", decision.sentence, perm=perm)


def granted[M: Model](user: User, model: type[M], action: str) -> QuerySet[M]:
    """The rows of `model` that grants alone open to `user` for `action` ("view", "delete", or an own verb)."""
    everything = model._default_manager.all()
    if user.is_active and user.is_superuser:
        return everything
    if not (user.is_active and user.is_staff):
        return everything.none()
    perm = f"{model._meta.app_label}.{action}_{model._meta.model_name}"
    if user.has_perm(perm):
        return everything
    if not has_row_grants(model):
        return everything.none()
    return get_objects_for_user(user, perm, klass=everything, accept_global_perms=False)


def visible[M: Model](user: User, model: type[M]) -> QuerySet[M]:
    """The rows of `model` that `user` may see as a person of the platform: by grants or by the app's scope."""
    scope = scopes()[model](user)
    if not user.is_staff:
        return scope
    return granted(user, model, "view") | scope


def has_row_grants(model: type[Model]) -> bool:
    """Whether staff are granted this model row by row; such models have guardian tables of their own."""
    # Asked of the models, not of guardian, which asks the database: addresses are laid out before there are tables.
    from guardian.models import UserObjectPermissionBase

    relations = (model._meta.concrete_model or model)._meta.related_objects
    return any(
        relation.field.name == "content_object" and issubclass(relation.related_model, UserObjectPermissionBase)  # type: ignore[arg-type]
        for relation in relations
    )


@cache
def models_with_row_grants() -> tuple[type[Model], ...]:
    return tuple(model for model in apps.get_models() if not model._meta.proxy and has_row_grants(model))


def held_on_rows(user: User) -> set[str]:
    """The permissions that `user` holds on some row at least: what a menu needs to know, in one query."""
    if not (user.is_active and user.is_staff):
        return set()
    names = ("permission__content_type__app_label", "permission__codename")
    grants = [
        grant
        for model in models_with_row_grants()
        for grant in (
            get_user_obj_perms_model(model).objects.filter(user=user).values_list(*names),  # type: ignore[arg-type, attr-defined]
            get_group_obj_perms_model(model).objects.filter(group__user=user).values_list(*names),  # type: ignore[arg-type, attr-defined]
        )
    ]
    return {f"{app_label}.{codename}" for app_label, codename in grants[0].union(*grants[1:])}


def permission_name(perm: str) -> str:
    """The permission's plain name as staff read it, such as "Can review document"."""
    app_label, codename = perm.split(".", 1)
    row = Permission.objects.filter(content_type__app_label=app_label, codename=codename).first()
    return row.name if row else perm


def _granted_on_row(user: User, perm: str, obj: Model) -> bool:
    return bool(ObjectPermissionChecker(user).has_perm(perm.split(".", 1)[1], obj))


def _missing(user: User, perm: str, obj: Model | None) -> str:
    name = permission_name(perm)
    if obj is not None and user.is_staff and has_row_grants(type(obj)):
        rows = get_objects_for_user(user, perm, klass=type(obj), accept_global_perms=False).count()
        if rows:
            thing = type(obj)._meta.verbose_name_plural
            return _("You need “%(name)s”; you hold it on %(rows)d %(thing)s, not on this one.") % {
                "name": name,
                "rows": rows,
                "thing": thing,
            }
    return _("You need the permission “%(name)s”.") % {"name": name}


_lazily_missing = lazy(_missing, str)
