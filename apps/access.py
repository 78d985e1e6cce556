"""Who may do what: the one place that answers it, for every door.

Django's permission names are the vocabulary ("stories.delete_story"). A permission is held

- model-wide, through a group or directly,
- on one row, granted to somebody or to a group,
- on a share of the rows, by a permission of its own: `SHARES = [Share("users.review_brand_document", …)]` in the
  `permissions.py` of the app that owns the model,
- by a rule of the app that owns the model: `RULES = {"events.change_event": is_host}` in its `permissions.py`.

Which rows somebody sees is answered the same way: `granted` for staff, by grants alone; `visible` for end users,
grants plus the app's `SCOPES = {Event: public_or_hosted}`.

A membership or a grant may have an end. From that second on it counts for nothing: every query here leaves it out,
whether or not anything has cleaned up since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import DateTimeField, Model, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from apps.errors import Invalid, Refused

if TYPE_CHECKING:
    from apps.users.models import User

type Rule = Callable[[Any, Any], bool]
type Scope = Callable[[Any], QuerySet[Any]]


class TimeBoxed(Model):
    """Something given for good or until a time, to the second."""

    begun_at = DateTimeField(gettext_lazy("since"), default=timezone.now, db_default=Now(), editable=False)
    ends_at = DateTimeField(gettext_lazy("until"), null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_over(self) -> bool:
        return self.ends_at is not None and self.ends_at <= timezone.now()


@dataclass(frozen=True, slots=True)
class Share:
    """Some rows of a model: whoever holds `perm`, by a group or directly, holds `of` on those."""

    perm: str
    of: str
    path: str
    """From a row to what makes it one of them, as queries write it."""
    value: str

    @property
    def rows(self) -> Q:
        return Q(**{self.path: self.value})

    def holds(self, obj: Model) -> bool:
        found: Any = obj
        for name in self.path.split("__"):
            found = getattr(found, name)
        return bool(found == self.value)


def unended(prefix: str = "") -> Q:
    """Of what is time-boxed: all that has no end, or one that is still to come. `prefix` leads there by a relation."""
    return Q(**{f"{prefix}ends_at__isnull": True}) | Q(**{f"{prefix}ends_at__gt": timezone.now()})


def check_end(ends_at: datetime | None, *, field: str) -> datetime | None:
    """The end of something that is given now, in whole seconds. Raises `Invalid` for one that has been."""
    if ends_at is None:
        return None
    if ends_at <= timezone.now():
        raise Invalid("already-over", _("Choose an end in the future."), field=field)
    return ends_at.replace(microsecond=0)


def until_words(ends_at: datetime) -> str:
    """As in "until 3 May 2026, 17:00 Europe/Berlin": in the current time zone, which is named."""
    return _("until %(time)s %(zone)s") % {
        "time": date_format(timezone.localtime(ends_at), "DATETIME_FORMAT"),
        "zone": timezone.get_current_timezone_name(),
    }


@dataclass(frozen=True, slots=True)
class Source:
    """One of the things by which somebody holds a permission."""

    kind: str
    """`superuser`, `group`, `direct`, `share`, `row`, `row_group` (granted to a group on this row) or `rule`."""
    name: str = ""
    """Of the group; of the permission for a share of the rows; or of the rule, for those who read code."""
    id: int | None = None
    """Of the group or of the grant on the row."""
    until: datetime | None = None

    def __str__(self) -> str:
        said = str(SOURCES[self.kind]) % {"name": self.name}
        return said if self.until is None else f"{said}, {until_words(self.until)}"


SOURCES = {
    "superuser": gettext_lazy("As a superuser, who may do everything"),
    "group": gettext_lazy("Through the group “%(name)s”"),
    "direct": gettext_lazy("Granted to this account directly"),
    "share": gettext_lazy("Through “%(name)s”, which includes this one"),
    "row": gettext_lazy("Granted to this account on this object"),
    "row_group": gettext_lazy("Granted on this object to the group “%(name)s”"),
    "rule": gettext_lazy("By a rule of the product"),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether somebody may do something, and why. True in a condition where it is allowed."""

    allowed: bool
    perm: str
    via: str
    """`superuser`, `model`, `share`, `row`, `rule`, or, refused, `inactive` or `missing`."""
    sentence: str
    user: User | None = field(default=None, repr=False, compare=False)
    obj: Model | None = field(default=None, repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def sources(self) -> list[Source]:
        """Everything by which it is allowed, not the first alone; asked of the database when read."""
        return list(_sources(self.user, self.perm, self.obj)) if self.user else []


@cache
def rules() -> dict[str, Rule]:
    return {perm: rule for module in _permission_modules() for perm, rule in getattr(module, "RULES", {}).items()}


@cache
def shares() -> dict[str, tuple[Share, ...]]:
    """By the permission that they are shares of."""
    found: dict[str, tuple[Share, ...]] = {}
    for module in _permission_modules():
        for share in getattr(module, "SHARES", ()):
            found[share.of] = (*found.get(share.of, ()), share)
    return found


@cache
def scopes() -> dict[type[Model], Scope]:
    return {model: scope for module in _permission_modules() for model, scope in getattr(module, "SCOPES", {}).items()}


def _permission_modules() -> list[Any]:
    names = (f"{config.name}.permissions" for config in apps.get_app_configs() if config.name.startswith("apps."))
    return [import_module(name) for name in names if find_spec(name)]


_used: ContextVar[set[str] | None] = ContextVar("used_permissions", default=None)


@contextmanager
def noting_use() -> Iterator[set[str]]:
    """Collect the permissions, held by a grant, that are made use of meanwhile."""
    used: set[str] = set()
    token = _used.set(used)
    try:
        yield used
    finally:
        _used.reset(token)


def note_use(perm: str) -> None:
    if (used := _used.get()) is not None:
        used.add(perm)


def may(user: User, perm: str, obj: Model | None = None) -> Decision:
    """Whether `user` holds `perm`: model-wide, on the row `obj`, or by a rule about `obj`."""
    if not user.is_active:
        return Decision(False, perm, "inactive", _("This account is deactivated."))
    if user.is_superuser:
        return Decision(True, perm, "superuser", _("A superuser may do everything."), user, obj)
    # Grants count on staff accounts only, so that one left on an end user opens nothing.
    if user.is_staff:
        if user.has_perm(perm):
            return Decision(True, perm, "model", _("Granted for all objects."), user, obj)
        if obj is not None and any(share.holds(obj) for share in shares_held(user, perm)):
            return Decision(True, perm, "share", _("Granted for some objects, including this one."), user, obj)
        if obj is not None and any(grants.exists() for grants in _grants_on(user, perm, obj)):
            return Decision(True, perm, "row", _("Granted on this object."), user, obj)
    rule = rules().get(perm)
    if obj is not None and rule is not None and rule(user, obj):
        return Decision(True, perm, "rule", _("Allowed to this person by a rule of the product."), user, obj)
    # Worded only where somebody reads it: it takes a query or two, and most refusals only hide a button.
    return Decision(False, perm, "missing", _lazily_missing(user, perm, obj), user, obj)


def require(user: User, perm: str, obj: Model | None = None) -> None:
    """Return where `user` may; raise `Refused` with a sentence that says what is missing otherwise."""
    decision = may(user, perm, obj)
    if not decision:
        raise Refused("permission-missing", decision.sentence, perm=perm)
    if decision.via in ("model", "share", "row"):
        note_use(perm)


def memberships(user: User) -> QuerySet[Any]:
    """What makes `user` a member of groups now."""
    return user.group_memberships.filter(unended())


def shares_held(user: User, perm: str) -> list[Share]:
    """The shares of the rows on which `user` holds `perm`."""
    if not (user.is_active and user.is_staff):
        return []
    return [share for share in shares().get(perm, ()) if user.has_perm(share.perm)]


def widened(perms: Iterable[str]) -> set[str]:
    """`perms`, and those that they include on a share of the rows."""
    held = set(perms)
    return held | {share.of for some in shares().values() for share in some if share.perm in held}


def holders(perm: str, obj: Model | None = None, *, for_good: bool = False, superusers: bool = False) -> QuerySet[User]:
    """The active staff to whom `perm` is given model-wide now; `for_good`: by something that has no end.

    With `obj` those, too, who hold it on a share of the rows that `obj` is in. Superusers, who may do everything, are
    among them only where they are asked for, or it is given to them as well.
    """
    people: QuerySet[User] = get_user_model()._default_manager.filter(is_staff=True, is_active=True)
    counts = Q(ends_at__isnull=True) if for_good else unended()
    named = Q(**_named(perm))
    for share in shares().get(perm, ()):
        if obj is not None and share.holds(obj):
            named |= Q(**_named(share.perm))
    held = Permission.objects.filter(named)
    members = people.model.groups.through.objects.filter(counts, group__permissions__in=held)
    direct = people.model.user_permissions.through.objects.filter(permission__in=held)
    given = Q(pk__in=members.values("user")) | Q(pk__in=direct.values("user"))
    return people.filter(given | Q(is_superuser=True) if superusers else given)


def row_grants(user: User, model: type[Model]) -> tuple[QuerySet[Any], QuerySet[Any]]:
    """The grants on single rows of `model` that count for `user` now: their own, and those of their groups."""
    own = get_user_obj_perms_model(model).objects.filter(unended(), user=user)  # type: ignore[arg-type, attr-defined]
    theirs = get_group_obj_perms_model(model).objects.filter(unended(), group__in=memberships(user).values("group"))  # type: ignore[arg-type, attr-defined]
    return own, theirs


def _named(perm: str, prefix: str = "") -> dict[str, str]:
    app_label, codename = perm.split(".", 1)
    return {f"{prefix}content_type__app_label": app_label, f"{prefix}codename": codename}


def _of(perm: str) -> dict[str, str]:
    return _named(perm, "permission__")


def _grants_on(user: User, perm: str, obj: Model) -> list[QuerySet[Any]]:
    if not has_row_grants(type(obj)):
        return []
    return [grants.filter(content_object=obj.pk, **_of(perm)) for grants in row_grants(user, type(obj))]


def _sources(user: User, perm: str, obj: Model | None) -> Iterator[Source]:
    if not user.is_active:
        return
    if user.is_superuser:
        yield Source("superuser")
        return
    if user.is_staff:
        held = Permission.objects.filter(**_named(perm))
        for member in memberships(user).filter(group__permissions__in=held).select_related("group"):
            yield Source("group", member.group.name, member.group_id, member.ends_at)
        if user.user_permissions.filter(pk__in=held).exists():
            yield Source("direct")
        for share in shares_held(user, perm):
            if obj is not None and share.holds(obj):
                yield Source("share", permission_name(share.perm))
                yield from _sources(user, share.perm, None)
        for grant in chain(*_grants_on(user, perm, obj)) if obj is not None else ():
            if hasattr(grant, "group"):
                yield Source("row_group", grant.group.name, grant.pk, _earliest(grant, memberships(user)))
            else:
                yield Source("row", "", grant.pk, grant.ends_at)
    rule = rules().get(perm)
    if obj is not None and rule is not None and rule(user, obj):
        yield Source("rule", rule.__name__)


def _earliest(grant: Any, members: QuerySet[Any]) -> datetime | None:
    """A group's grant counts for somebody until it ends or their membership does."""
    ends = (grant.ends_at, members.get(group=grant.group_id).ends_at)
    return min((end for end in ends if end is not None), default=None)


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
    """The rows of `model` on which `user` holds `perm` without holding it on all: granted one by one, or by shares."""
    rows = Q(pk__in=[])
    if not (user.is_active and user.is_staff):
        return rows
    if has_row_grants(model):
        for grants in row_grants(user, model):
            rows |= Q(pk__in=grants.filter(**_of(perm)).values("content_object"))
    for share in shares_held(user, perm):
        rows |= share.rows
    return rows


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
        relation.field.name == "content_object" and issubclass(relation.related_model, UserObjectPermissionBase)
        for relation in relations
    )


@cache
def models_with_row_grants() -> tuple[type[Model], ...]:
    return tuple(model for model in apps.get_models() if not model._meta.proxy and has_row_grants(model))


def held_on_rows(user: User) -> set[str]:
    """The permissions that `user` holds on some rows at least: what a menu needs to know.

    One query for those without any, which is nearly everybody; two for the others.
    """
    if not (user.is_active and user.is_staff):
        return set()
    sql, now = _all_row_grants(), timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(sql[0], [now if is_time else user.pk for is_time in sql[1]])
        ids = [pk for (pk,) in cursor]
    names = Permission.objects.filter(pk__in=ids).values_list("content_type__app_label", "codename") if ids else ()
    single = {f"{app_label}.{codename}" for app_label, codename in names}
    return single | {perm for perm in shares() if shares_held(user, perm)}


@cache
def _all_row_grants() -> tuple[str, list[bool]]:
    """SQL for the permissions in all row grants that count for somebody, and which of its parameters are the time.

    The others are the person. Laid out once, since every page of the console asks, and the layout takes several times
    as long as the answer.
    """
    somebody = get_user_model()(pk=0)
    grants = [
        grants.values_list("permission") for model in models_with_row_grants() for grants in row_grants(somebody, model)
    ]
    sql, params = grants[0].union(*grants[1:]).query.sql_with_params()
    assert {type(value) for value in params} == {int, datetime}
    return sql, [isinstance(value, datetime) for value in params]


def permission_name(perm: str) -> str:
    """The permission's plain name as staff read it, such as "Can review document"."""
    row = Permission.objects.filter(**_named(perm)).first()
    return row.name if row else perm


def _missing(user: User, perm: str, obj: Model | None) -> str:
    name = permission_name(perm)
    if held := shares_held(user, perm):
        names = " · ".join(permission_name(share.perm) for share in held)
        return _("You need “%(name)s”; you hold “%(held)s” alone.") % {"name": name, "held": names}
    if obj is not None and user.is_staff and has_row_grants(type(obj)):
        rows = type(obj)._default_manager.filter(opened(user, perm, type(obj))).count()
        if rows:
            thing = type(obj)._meta.verbose_name_plural
            return _("You need “%(name)s”; you hold it on %(rows)d %(thing)s, not on this one.") % {
                "name": name,
                "rows": rows,
                "thing": thing,
            }
    return _("You need the permission “%(name)s”.") % {"name": name}


_lazily_missing = lazy(_missing, str)
