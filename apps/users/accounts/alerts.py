"""Alerts to access administrators where two approvals may have come from one user."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model, QuerySet
from django.utils import timezone

from apps.access import holders
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import record
from apps.users.accounts.guards import ACCESS_ADMINISTRATION
from apps.users.accounts.mails import mail_account_notice
from apps.users.models import User

NEW_FOR = timedelta(days=7)
"""For so long the creator of an account, or the one who set its password, may still know how to sign in with it."""


ALERTS_SHOWN_FOR = timedelta(days=30)


STAFF_ADDED_BEFORE = "staff account made"
"""What earlier releases wrote in place of `Action.STAFF_ADDED`."""


def alert_if_same_person(first: User, second: User, target: Model, *, since: datetime | None = None) -> Entry | None:
    """Alert access administrators where one person may sign in with both deciding accounts; otherwise None.

    That is where one of the two created the other's account or set its password, or a third user did so for both:
    within `NEW_FOR` before `since`, when the first of them decided (now by default), or later. The decision remains in
    force; the alert asks for a review.
    """
    after = (since or timezone.now()) - NEW_FOR
    of_first, of_second = _makers(first, after), _makers(second, after)
    made = second if first.pk in of_second else first if second.pk in of_first else None
    of_both = of_first & of_second if made is None else set()
    if made is None and not of_both:
        return None
    details: dict[str, Any] = {
        "one": first.username,
        "other": second.username,
        "about": f"{target._meta.verbose_name} {target.pk}",
    }
    if of_both:
        makers = User.objects.filter(pk__in=of_both).order_by("username")
        details["by"] = ", ".join(makers.values_list("username", flat=True))
    recorded = details | {"made": made.username} if made else details
    entry = record(second, Action.ALERTED, target, **recorded)
    for manager in holders(ACCESS_ADMINISTRATION, superusers=True).exclude(pk__in={first.pk, second.pk, *of_both}):
        mail_account_notice(manager, "one_pair_of_eyes", **details)
    return entry


def alerts() -> QuerySet[Entry]:
    """The alerts of the last month, latest first."""
    return Entry.objects.filter(verb=Action.ALERTED, created_at__gte=timezone.now() - ALERTS_SHOWN_FOR).select_related(
        "actor"
    )


def _makers(person: User, after: datetime) -> set[int]:
    """The ids of those who created the account of `person` or set its password since then."""
    versions = User.history.filter(action__in=[Action.STAFF_ADDED, ""], id=person.pk, history_date__gte=after)
    added_by = {each.history_user_id for each in versions if each.action or each.note == STAFF_ADDED_BEFORE}
    set_by = Entry.objects.filter(
        verb=Action.PASSWORD_SET,
        target_type=User._meta.label_lower,
        target_id=str(person.pk),
        created_at__gte=after,
    )
    return {*added_by, *set_by.values_list("actor", flat=True)} - {None}
