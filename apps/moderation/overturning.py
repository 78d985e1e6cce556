"""What overturning a decision requires: the permissions that its outcomes required.

An officer without one of them could only uphold the decision, so their queue does not offer the appeal against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Model, Q, QuerySet
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext as _

from apps.access import granted, holders, may
from apps.moderation.actions.registry import by_severity
from apps.moderation.content import content_of
from apps.review.reportable import reportable_contents

if TYPE_CHECKING:
    from apps.moderation.models import Appeal
    from apps.users.models import User

MOST_NAMED = 5


def can_overturn(user: User, appeal: Appeal) -> bool:
    """Whether `user` has all permissions that overturning the appealed decision requires."""
    return _missing(user, appeal) is None


def why_not(user: User, appeal: Appeal) -> Promise:
    """What `user` is missing, and which officers have it: built where it is shown, as it takes queries."""
    return cast("Promise", lazy(partial(_who_can, user, appeal), str)())


def out_of_reach(user: User) -> Q:
    """The appeals against decisions that `user` could not overturn, for a query."""
    found = Q(pk__in=[])
    for action in by_severity():
        perms = {kind: action.permission(kind) for kind in reportable_contents()}
        rows = (
            _authors_out_of_reach(user, {perm for perm in perms.values() if perm})
            if action.is_about_author
            else content_out_of_reach(user, perms, prefix="case__")
        )
        found |= rows & Q(decision__after__outcomes__contains=action.code)
    return found


def content_out_of_reach(user: User, perms: Mapping[str, str | None], *, prefix: str = "") -> Q:
    """The cases about content on which `user` lacks the permission of its kind; `prefix` leads to the case."""
    found = Q(pk__in=[])
    for kind, perm in perms.items():
        if perm is None or may(user, perm):
            continue
        rows: QuerySet[Any] = granted(user, content_of(kind).model, _action(perm))
        found |= Q(**{f"{prefix}kind": kind}) & ~Q(**{f"{prefix}target_id__in": rows.values("pk")})
    return found


def _authors_out_of_reach(user: User, perms: set[str]) -> Q:
    found = Q(pk__in=[])
    for perm in perms:
        if not may(user, perm):
            found |= ~Q(case__author__in=granted(user, type(user), _action(perm)).values("pk"))
    return found


def _action(perm: str) -> str:
    return perm.split(".")[1].rsplit("_", 1)[0]


def _missing(user: User, appeal: Appeal) -> tuple[str, Model] | None:
    """The first permission that `user` is missing to overturn it, and on what."""
    case = appeal.case
    content = content_of(case.kind).model(pk=case.target_id)
    for action in by_severity(appeal.decision.after["outcomes"]):
        perm, about = action.permission(case.kind), action.permission_on(case, content)
        if perm is not None and about is not None and not may(user, perm, about):
            return perm, about
    return None


def _who_can(user: User, appeal: Appeal) -> str:
    missing = _missing(user, appeal)
    if missing is None:
        return ""
    perm, about = missing
    able = holders(perm, about, superusers=True).exclude(pk__in=(user.pk, appeal.decider_id))
    if names := ", ".join(able.order_by("username").values_list("username", flat=True)[:MOST_NAMED]):
        said = _("Overturning it needs more: %(missing)s It can be decided by: %(names)s.")
    else:
        said = _("Overturning it needs more: %(missing)s No other colleague holds it; ask an access manager.")
    return said % {"missing": may(user, perm, about).sentence, "names": names}
