"""Answers whether a user may do something: the one place that every entry point asks.

A permission is granted model-wide, through a group or directly; on one row, to a user or to a group; on some rows, by
a scoped permission; or by a rule that the app declares as `RULES = {"events.change_event": is_host}`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.access.explain import Source, missing_sentence, sources
from apps.access.grants import grants_on
from apps.access.registry import rules
from apps.access.scoped import scoped_granted
from apps.access.usage import note_use
from apps.errors import Refused

if TYPE_CHECKING:
    from apps.users.models import User


SENTENCES = {
    "inactive": _("This account is deactivated."),
    "superuser": _("A superuser may do everything."),
    "model": _("Granted for all objects."),
    "scoped": _("Granted for some objects, including this one."),
    "row": _("Granted on this object."),
    "rule": _("Allowed to this person by a rule of the product."),
}
"""By `PermissionDecision.via`; what is missing is worded by `missing_sentence`. Lazy, since few are read."""


@dataclass(frozen=True, slots=True)
class PermissionDecision:
    """Whether a user may do something, and why. Truthy where it is allowed."""

    allowed: bool
    perm: str
    via: str
    """`superuser`, `model`, `scoped`, `row`, `rule`, or, where it is denied, `inactive` or `missing`."""
    sentence: str | Promise
    user: User | None = field(default=None, repr=False, compare=False)
    obj: Model | None = field(default=None, repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def sources(self) -> list[Source]:
        """All sources by which it is allowed, not the first alone; queries the database when read."""
        return list(sources(self.user, self.perm, self.obj)) if self.user else []


def may(user: User, perm: str, obj: Model | None = None) -> PermissionDecision:
    """Whether `user` has `perm`: model-wide, on the row `obj`, or by a rule about `obj`."""
    if not user.is_active:
        return PermissionDecision(False, perm, "inactive", SENTENCES["inactive"])
    if user.is_superuser:
        return PermissionDecision(True, perm, "superuser", SENTENCES["superuser"], user, obj)
    # Grants count on staff accounts only, so that one left on an end user opens nothing.
    if user.is_staff:
        if user.has_perm(perm):
            return PermissionDecision(True, perm, "model", SENTENCES["model"], user, obj)
        if obj is not None and any(scoped.includes(obj) for scoped in scoped_granted(user, perm)):
            return PermissionDecision(True, perm, "scoped", SENTENCES["scoped"], user, obj)
        if obj is not None and any(grants.exists() for grants in grants_on(user, perm, obj)):
            return PermissionDecision(True, perm, "row", SENTENCES["row"], user, obj)
    rule = rules().get(perm)
    if obj is not None and rule is not None and rule(user, obj):
        return PermissionDecision(True, perm, "rule", SENTENCES["rule"], user, obj)
    # A lazy sentence: wording it takes a query or two, and most denials only hide a button.
    return PermissionDecision(False, perm, "missing", missing_sentence(user, perm, obj), user, obj)


def require(user: User, perm: str, obj: Model | None = None) -> None:
    """Return if `user` may. Raises `Refused` with a sentence that says what is missing."""
    decision = may(user, perm, obj)
    if not decision:
        raise Refused("permission-missing", decision.sentence, perm=perm)
    if decision.via in ("model", "scoped", "row"):
        note_use(perm)
