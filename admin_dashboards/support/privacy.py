"""What support sees of erasures and legal holds of one user."""

from __future__ import annotations

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from admin_dashboards.states import label
from admin_dashboards.support.lines import LATEST, Line, Section
from apps.privacy.models import Erasure, LegalHold
from apps.users.models import User


def erasure_and_holds(person: User) -> Section:
    """Erasures and legal holds; why is for the privacy desk."""
    lines = [
        Line(
            _("Erasure"),
            label("hourglass_top", _("Scheduled for %s") % date_format(erasure.due_at, "j M Y"), "wait")
            if erasure.status == Erasure.Status.SCHEDULED
            else label("auto_delete", erasure.get_status_display()),
            erasure.requested_at,
        )
        for erasure in Erasure.objects.filter(person=person).order_by("-id")[:LATEST]
    ]
    lines += [
        Line(
            _("Legal hold"),
            label("gavel", _("In force"), "bad") if hold.is_in_force else label("undo", _("Released")),
            hold.placed_at,
        )
        for hold in LegalHold.objects.filter(person=person).order_by("-id")[:LATEST]
    ]
    return Section("privacy", _("Erasure and legal holds"), "shield_lock", lines, _("None."))
