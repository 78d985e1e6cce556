"""Which cases a moderator's queue offers: those whose content they could remove, too."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.access import holders, may
from apps.moderation.content import content_of
from apps.moderation.models import Case
from apps.moderation.overturning import MOST_NAMED, content_out_of_reach
from apps.review.reportable import reportable_contents
from apps.users.models import User


def cases_either_way(user: User, cases: QuerySet[Case]) -> QuerySet[Case]:
    """`cases` without those whose content `user` could not remove."""
    perms = {kind: content.remove_permission for kind, content in reportable_contents().items()}
    return cases.exclude(content_out_of_reach(user, perms))


def why_not_removable(user: User, case: Case) -> str:
    """Why `user` cannot remove the content of a case, and who can; else empty."""
    perm = content_of(case.kind).remove_permission
    if perm is None:
        return ""
    content = content_of(case.kind).model(pk=case.target_id)
    decision = may(user, perm, content)
    if decision:
        return ""
    able = holders(perm, content, superusers=True).exclude(pk=user.pk).order_by("username")
    if names := ", ".join(able.values_list("username", flat=True)[:MOST_NAMED]):
        said = _("To remove it: %(missing)s Assign it to: %(names)s.")
    else:
        said = _("To remove it: %(missing)s No other colleague holds it; ask an access manager.")
    return said % {"missing": decision.sentence, "names": names}
