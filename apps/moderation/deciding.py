"""Which cases a moderator's queue offers: those whose content they could remove, too."""

from __future__ import annotations

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from apps.access import holders, may
from apps.moderation.models import Case, Report
from apps.moderation.overturning import MOST_NAMED, content_out_of_reach
from apps.users.models import User


def cases_either_way(user: User, cases: QuerySet[Case]) -> QuerySet[Case]:
    """`cases` without those whose content `user` could not remove."""
    return cases.exclude(content_out_of_reach(user, {kind: kind.remove_permission for kind in Report.Kind}))


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
    if names := ", ".join(able.values_list("username", flat=True)[:MOST_NAMED]):
        said = _("To remove it: %(missing)s Assign it to: %(names)s.")
    else:
        said = _("To remove it: %(missing)s No other colleague holds it; ask an access manager.")
    return said % {"missing": decision.sentence, "names": names}
