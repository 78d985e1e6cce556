"""Looking through somebody's eyes: staff see what the platform shows a person, with a reason that is kept."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.models import Verb
from apps.audit.services import record
from apps.errors import Absent, Invalid, Refused
from apps.users.models import User

LONGEST_REASON = 500


@transaction.atomic
def look_as(actor: User, person_id: int, *, reason: str) -> User:
    """Write down that `actor` sees what a person sees; call it before showing any of it. Never for staff."""
    person = User.objects.select_related("profile").filter(pk=person_id).first()
    if person is None:
        raise Absent("not-found", _("There is no such person."))
    require(actor, "users.look_as_user", person)
    if person.is_staff:
        raise Refused("staff-account", _("Nobody looks through the eyes of a staff account."))
    reason = reason.strip()
    if not reason:
        raise Invalid("required", _("Say why you look. It is kept with your name."), field="reason")
    if len(reason) > LONGEST_REASON:
        raise Invalid("too-long", _("A reason has at most %(n)d characters.") % {"n": LONGEST_REASON}, field="reason")
    record(actor, Verb.IMPERSONATED, person, reason=reason)
    return person
