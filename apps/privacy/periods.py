"""The retention schedule: how long each kind of data is kept, and changing it."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.errors import Invalid
from apps.privacy.models import DEFAULT_DAYS, Kept, RetentionPeriod
from apps.review.settings import begin_setting, keep_setting
from apps.users.models import User

LONGEST = 36_500
"""Days."""


def days_of(kind: str) -> int | None:
    """For how many days a kind of data is kept; None is as long as the account."""
    return schedule()[kind]


def schedule() -> dict[str, int | None]:
    """The days of every kind."""
    return DEFAULT_DAYS | dict(RetentionPeriod.objects.values_list("kind", "days"))


@transaction.atomic
def set_period(actor: User, kind: str, *, days: int | None, version: int | None = None) -> RetentionPeriod:
    """Keep a kind of data for so many days from now on, of what is there too. None: as long as the account.

    Raises `Invalid`, `Refused`, and `Conflict` where it was changed since `version`.
    """
    begin_setting(actor, "privacy.change_retentionperiod")
    if kind not in Kept.values:
        raise Invalid("unknown", _("There is no such kind of data."), field="kind")
    if days is not None and not 1 <= days <= LONGEST:
        raise Invalid("range", _("Enter whole days, from 1 to %(n)d, or none.") % {"n": LONGEST}, field="days")
    period = RetentionPeriod.objects.filter(kind=kind).first() or RetentionPeriod(kind=kind, days=DEFAULT_DAYS[kind])
    return keep_setting(actor, period, version=version, action=Action.RETENTION_SET, days=days)
