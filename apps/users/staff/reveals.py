"""Additional reveals of masked data, allowed by another member of staff."""

from __future__ import annotations

from collections import Counter

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _say

from apps.access import require
from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Absent
from apps.review.models import Reveal, RevealAllowance
from apps.review.reveals import RATION, RATION_OF
from apps.review.texts import sensible_reason
from apps.users.accounts.alerts import alert_if_same_person
from apps.users.accounts.guards import refuse_oneself, refuse_superuser
from apps.users.models import User


@transaction.atomic
def allow_reveals(actor: User, staff_id: int, *, reason: str) -> RevealAllowance:
    """Allow another member of staff as many reveals again within 24 hours. Raises `Absent`, `Refused`, `Invalid`."""
    require(actor, "desk.allow_reveals")
    person = User.objects.staff().active().filter(pk=staff_id).first()
    if person is None:
        raise Absent("not-found", _say("There is no such staff account."))
    refuse_oneself(actor, person, _say("Another officer has to allow you more reveals."))
    refuse_superuser(actor, person)
    reason = sensible_reason(reason, _say("Say why they need more."))
    allowed = RevealAllowance.objects.create(staff=person, allowed_by=actor, reason=reason)
    record(actor, Action.GRANTED, person, reason=reason, reveals=RATION)
    alert_if_same_person(person, actor, person)
    return allowed


def reveal_figures() -> list[tuple[User, int, int]]:
    """The users with reveals in the last 24 hours, with their number and their limit, most first."""
    since = timezone.now() - RATION_OF
    counted = Counter(Reveal.objects.filter(counts=True, created_at__gt=since).values_list("staff", flat=True))
    allowed = Counter(RevealAllowance.objects.filter(created_at__gt=since).values_list("staff", flat=True))
    people = User.objects.in_bulk(counted)
    return [(people[pk], times, RATION * (1 + allowed[pk])) for pk, times in counted.most_common()]
