"""By what a user has a permission, and what is missing where they do not: the sentences that staff read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Permission
from django.db.models import Model, QuerySet
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.access.grants import grants_on, has_row_grants, memberships, opened
from apps.access.registry import permission_filter, rules
from apps.access.scoped import scoped_granted
from apps.access.timeboxed import until_text
from apps.infra.prepared import Prepared, Value

if TYPE_CHECKING:
    from apps.users.models import User


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a permission: a group, a grant, a rule."""

    kind: str
    """`superuser`, `group`, `direct`, `scoped`, `row`, `row_group` (granted to a group on this row) or `rule`."""
    name: str = ""
    """Of the group; of the scoped permission; or of the rule, as the code has it."""
    id: int | None = None
    """Of the group or of the grant on the row."""
    until: datetime | None = None

    def __str__(self) -> str:
        text = str(SOURCES[self.kind]) % {"name": self.name}
        return text if self.until is None else f"{text}, {until_text(self.until)}"


SOURCES = {
    "superuser": gettext_lazy("As a superuser, who may do everything"),
    "group": gettext_lazy("Through the group “%(name)s”"),
    "direct": gettext_lazy("Granted to this account directly"),
    "scoped": gettext_lazy("Through “%(name)s”, which includes this one"),
    "row": gettext_lazy("Granted to this account on this object"),
    "row_group": gettext_lazy("Granted on this object to the group “%(name)s”"),
    "rule": gettext_lazy("By a rule of the product"),
}


def sources(user: User, perm: str, obj: Model | None) -> Iterator[Source]:
    """All sources by which `user` has `perm`, model-wide or on `obj`."""
    if not user.is_active:
        return
    if user.is_superuser:
        yield Source("superuser")
        return
    if user.is_staff:
        permissions = Permission.objects.filter(**permission_filter(perm))
        for member in memberships(user).filter(group__permissions__in=permissions).select_related("group"):
            yield Source("group", member.group.name, member.group_id, member.ends_at)
        if user.user_permissions.filter(pk__in=permissions).exists():
            yield Source("direct")
        for scoped in scoped_granted(user, perm):
            if obj is not None and scoped.includes(obj):
                yield Source("scoped", permission_name(scoped.perm))
                yield from sources(user, scoped.perm, None)
        for grant in chain(*grants_on(user, perm, obj)) if obj is not None else ():
            if hasattr(grant, "group"):
                yield Source("row_group", grant.group.name, grant.pk, _earliest(grant, memberships(user)))
            else:
                yield Source("row", "", grant.pk, grant.ends_at)
    rule = rules().get(perm)
    if obj is not None and rule is not None and rule(user, obj):
        yield Source("rule", rule.__name__)


def _earliest(grant: Any, members: QuerySet[Any]) -> datetime | None:
    """The end of a group's grant for a member: of the grant or of the membership, whichever is earlier."""
    ends = (grant.ends_at, members.get(group=grant.group_id).ends_at)
    return min((end for end in ends if end is not None), default=None)


def permission_name(perm: str) -> str:
    """The permission's plain name as staff read it, such as "Can review document"."""
    app, _dot, codename = perm.partition(".")
    rows = _named().rows({"app": app, "codename": codename})
    return str(rows[0][0]) if rows else perm


@cache
def _named() -> Prepared:
    """The name of a permission. Every refusal asks for it."""
    named = Permission.objects.filter(**permission_filter("app.codename")).order_by().values_list("name")
    text, params = named.query.sql_with_params()
    return Prepared(text, [Value(param) for param in params])


def _missing(user: User, perm: str, obj: Model | None) -> str:
    name = permission_name(perm)
    if scoped_permissions := scoped_granted(user, perm):
        names = " · ".join(permission_name(scoped.perm) for scoped in scoped_permissions)
        return _("You need “%(name)s”; you have “%(scoped)s” only.") % {"name": name, "scoped": names}
    if obj is not None and user.is_staff and has_row_grants(type(obj)):
        rows = type(obj)._default_manager.filter(opened(user, perm, type(obj))).count()
        if rows:
            return _("You need “%(name)s”; you have it on %(rows)d %(objects)s, not on this one.") % {
                "name": name,
                "rows": rows,
                "objects": type(obj)._meta.verbose_name_plural,
            }
    return _("You need the permission “%(name)s”.") % {"name": name}


missing_sentence = lazy(_missing, str)
"""What `user` lacks, as a lazy sentence: it queries the database when it is rendered."""
