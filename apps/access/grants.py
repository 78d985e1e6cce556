"""Who is granted a permission, and on which rows: by groups, directly, row by row, or by a scoped permission.

`granted` answers for staff, by grants alone; `visible` for end users, by grants plus the scope that the app declares as
`SCOPES`, such as `{Event: shown}`.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, overload

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from apps.access.registry import permission_filter, scopes
from apps.access.scoped import scoped_granted, scoped_permissions
from apps.access.timeboxed import unended
from apps.infra.prepared import Prepared, Value

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


def memberships(user: User) -> QuerySet[Any]:
    """The group memberships of `user` that are in force now."""
    return user.group_memberships.filter(unended())


def holders(perm: str, obj: Model | None = None, *, for_good: bool = False, superusers: bool = False) -> QuerySet[User]:
    """The active staff who are granted `perm` model-wide now; `for_good`: without an end.

    With `obj`, those as well who have it by a scoped permission that includes `obj`. Superusers, who may do everything,
    are among them only with `superusers`, or where they are granted it as well.
    """
    counts = Q(ends_at__isnull=True) if for_good else unended()
    return holders_of(perms_for(perm, obj), counts, superusers=superusers)


def perms_for(perm: str, obj: Model | None = None) -> frozenset[str]:
    """`perm`, and the scoped permissions that grant it on `obj`."""
    if obj is None:
        return frozenset([perm])
    return frozenset([perm, *(each.perm for each in scoped_permissions().get(perm, ()) if each.includes(obj))])


def holders_of(perms: frozenset[str], counts: Q, *, superusers: bool = False) -> QuerySet[User]:
    """The active staff who are granted one of `perms` model-wide, by memberships that meet `counts` or directly."""
    staff: QuerySet[User] = get_user_model()._default_manager.filter(is_staff=True, is_active=True)
    named = reduce(or_, (Q(**permission_filter(perm)) for perm in sorted(perms)))
    permissions = Permission.objects.filter(named)
    members = staff.model.groups.through.objects.filter(counts, group__permissions__in=permissions)
    direct = staff.model.user_permissions.through.objects.filter(permission__in=permissions)
    given = Q(pk__in=members.values("user")) | Q(pk__in=direct.values("user"))
    return staff.filter(given | Q(is_superuser=True) if superusers else given)


def row_grants(user: User, model: type[Model]) -> tuple[QuerySet[Any], QuerySet[Any]]:
    """The row grants on `model` that count for `user` now: their own, and those of their groups."""
    own, theirs = unended_row_grants(model)
    return own.filter(user=user), theirs.filter(group__in=memberships(user).values("group"))


def unended_row_grants(model: type[Model]) -> tuple[QuerySet[Any], QuerySet[Any]]:
    """All row grants on `model` in force now: those of accounts, and those of groups."""
    # Guardian's annotations take an instance for the model.
    named: Any = model
    own, theirs = get_user_obj_perms_model(named), get_group_obj_perms_model(named)
    return own._default_manager.filter(unended()), theirs._default_manager.filter(unended())


def _of(perm: str) -> dict[str, str]:
    return permission_filter(perm, "permission__")


def grants_on(user: User, perm: str, obj: Model) -> list[QuerySet[Any]]:
    """The grants of `perm` on `obj` alone that count for `user` now."""
    if not has_row_grants(type(obj)):
        return []
    return [grants.filter(content_object=obj.pk, **_of(perm)) for grants in row_grants(user, type(obj))]


def granted[M: Model](user: User, model: type[M], action: str) -> QuerySet[M]:
    """The rows of `model` that grants alone open to `user` for `action` ("view", "delete", or an own verb)."""
    everything = model._default_manager.all()
    if user.is_active and user.is_superuser:
        return everything
    if not (user.is_active and user.is_staff):
        return everything.none()
    perm = f"{model._meta.app_label}.{action}_{model._meta.model_name}"
    return everything if user.has_perm(perm) else everything.filter(opened(user, perm, model))


def opened(user: User, perm: str, model: type[Model]) -> Q:
    """The rows of `model` on which `user` has `perm` without having it on all: by row grants or scoped permissions."""
    rows = Q(pk__in=[])
    if not (user.is_active and user.is_staff):
        return rows
    if has_row_grants(model):
        for grants in row_grants(user, model):
            rows |= Q(pk__in=grants.filter(**_of(perm)).values("content_object"))
    for scoped in scoped_granted(user, perm):
        rows |= scoped.rows
    return rows


@overload
def visible[M: Model](user: User | AnonymousUser, model: type[M]) -> QuerySet[M]: ...
@overload
def visible[Rows: QuerySet[Any]](user: User | AnonymousUser, model: type[Model], rows: type[Rows]) -> Rows: ...
def visible(user: User | AnonymousUser, model: type[Model], rows: type[QuerySet[Any]] = QuerySet) -> QuerySet[Any]:
    """The rows of `model` that `user` may see: those granted, and those in the scope of the app.

    `rows` is the model's own class of querysets, named where its methods are called on the result.
    """
    scope = scopes()[model](user)
    if user.is_anonymous or not user.is_staff:
        return scope
    return granted(user, model, "view") | scope


def has_row_grants(model: type[Model]) -> bool:
    """Whether staff are granted this model row by row; such models have guardian tables of their own."""
    return (model._meta.concrete_model or model) in models_with_row_grants()


@cache
def models_with_row_grants() -> tuple[type[Model], ...]:
    """All models that staff are granted row by row."""
    # Asked of the models, not of guardian, which asks the database: addresses are laid out before there are tables.
    from guardian.models import UserObjectPermissionBase  # noqa: PLC0415 - there only once all apps are loaded

    return tuple(
        model
        for model in apps.get_models()
        if not model._meta.proxy
        and any(
            relation.field.name == "content_object" and issubclass(relation.related_model, UserObjectPermissionBase)
            for relation in model._meta.related_objects
        )
    )


def granted_on_rows(user: User) -> set[str]:
    """The permissions that `user` has on some rows at least: what a menu needs to know.

    One query for users without any, which are nearly all; two for the others.
    """
    if not (user.is_active and user.is_staff):
        return set()
    ids = [pk for (pk,) in _all_row_grants().rows({"user": user.pk, "now": timezone.now()})]
    names = Permission.objects.filter(pk__in=ids).values_list("content_type__app_label", "codename") if ids else ()
    single = {f"{app_label}.{codename}" for app_label, codename in names}
    return single | {perm for perm in scoped_permissions() if scoped_granted(user, perm)}


@cache
def _all_row_grants() -> Prepared:
    """The permissions in all row grants of a user. Every page of the console asks for them."""
    anyone = get_user_model()(pk=0)
    grants = [
        grants.values_list("permission") for model in models_with_row_grants() for grants in row_grants(anyone, model)
    ]
    sql, params = grants[0].union(*grants[1:]).query.sql_with_params()
    assert {type(value) for value in params} == {int, datetime}
    return Prepared(sql, [Value("now" if isinstance(value, datetime) else "user") for value in params])
