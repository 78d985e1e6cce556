"""What one person can decide either way: a queue offers nothing else."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from apps.access import granted, holders, may
from apps.moderation.models import Appeal, Case, Report
from apps.users.models import User

MOST_NAMED = 5


def decidable_cases(user: User, cases: QuerySet[Case]) -> QuerySet[Case]:
    """Without those whose content `user` could not remove."""
    return cases.exclude(_out_of_reach(user, "", {kind: kind.remove_permission for kind in Report.Kind}))


def decidable_appeals(user: User, appeals: QuerySet[Appeal]) -> QuerySet[Appeal]:
    """Without those against `user`'s own decisions, and those that `user` could only uphold."""
    removed = _out_of_reach(user, "case__", {kind: kind.remove_permission for kind in Report.Kind})
    edited = _out_of_reach(user, "case__", {kind: kind.edit_permission for kind in Report.Kind})
    for outcome, out_of_reach in ((Report.Outcome.REMOVED, removed), (Report.Outcome.EDITED, edited)):
        appeals = appeals.exclude(out_of_reach & Q(decision__after__outcomes__contains=outcome.value))
    if not may(user, "users.suspend_user"):
        suspendable = granted(user, User, "suspend").values("pk")
        suspended = Q(decision__after__outcomes__contains=Report.Outcome.SUSPENDED.value)
        appeals = appeals.exclude(suspended & ~Q(case__author__in=suspendable))
    return appeals.exclude(decider=user.pk)


def why_not_removable(user: User, case: Case) -> str:
    """Why `user` cannot remove the content of a case, and who can; nothing where they can, or nobody does."""
    kind = Report.Kind(case.kind)
    if kind.remove_permission is None:
        return ""
    content: Model = kind.model(pk=case.target_id)
    decision = may(user, kind.remove_permission, content)
    if decision:
        return ""
    able = holders(kind.remove_permission, content, superusers=True).exclude(pk=user.pk).order_by("username")
    names = ", ".join(able.values_list("username", flat=True)[:MOST_NAMED]) or "–"
    said = _("To remove it: %(missing)s Assign it to: %(names)s.")
    return said % {"missing": decision.sentence, "names": names}


def _out_of_reach(user: User, prefix: str, perms: dict[Report.Kind, str | None]) -> Q:
    """The content on which `user` does not hold the permission of its kind."""
    found = Q(pk__in=[])
    for kind, perm in perms.items():
        if perm is None or may(user, perm):
            continue
        rows: QuerySet[Any] = granted(user, kind.model, perm.split(".")[1].rsplit("_", 1)[0])
        found |= Q(**{f"{prefix}kind": kind}) & ~Q(**{f"{prefix}target_id__in": rows.values("pk")})
    return found
