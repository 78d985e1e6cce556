"""Alerts to access administrators where two approvals may have come from one user."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from apps.access import holders
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import record
from apps.users.accounts.guards import KEEPS_ACCESS
from apps.users.accounts.mails import mail_account_notice
from apps.users.models import User

NEW_FOR = timedelta(days=7)
"""For so long whoever made an account, or set its password, may still be the one who signs in with it."""


ALERTS_SHOWN_FOR = timedelta(days=30)


STAFF_ADDED_BEFORE = "staff account made"
"""What earlier releases wrote in place of `Action.STAFF_ADDED`."""


def alert_if_one(first: User, second: User, target: Model, *, since: datetime | None = None) -> Entry | None:
    """Alert access managers where one person may sign in as both who decided.

    That is where one of the two made the other's account lately or set its password, or a third person did so with
    both: within `NEW_FOR` before `since`, when the first of them decided (now, if it is not given), or after. The
    decision stands: this is for somebody to look at.
    """
    after = (since or timezone.now()) - NEW_FOR
    of_first, of_second = _makers(first, after), _makers(second, after)
    made = second if first.pk in of_second else first if second.pk in of_first else None
    of_both = of_first & of_second if made is None else set()
    if made is None and not of_both:
        return None
    facts: dict[str, Any] = {
        "one": first.username,
        "other": second.username,
        "about": f"{target._meta.verbose_name} {target.pk}",
    }
    if of_both:
        makers = User.objects.filter(pk__in=of_both).order_by("username")
        facts["by"] = ", ".join(makers.values_list("username", flat=True))
    entry = record(second, Action.ALERTED, target, **({"made": made.username} if made else {}), **facts)
    for manager in holders(KEEPS_ACCESS, superusers=True).exclude(pk__in={first.pk, second.pk, *of_both}):
        mail_account_notice(manager, "one_pair_of_eyes", **facts)
    return entry


def alerts() -> QuerySet[Entry]:
    """The alerts of the last month, latest first."""
    return Entry.objects.filter(verb=Action.ALERTED, created_at__gte=timezone.now() - ALERTS_SHOWN_FOR).select_related(
        "actor"
    )


def _makers(person: User, after: datetime) -> set[int]:
    """Who made the account of `person` since then, or set its password: by their ids."""
    added = Q(action=Action.STAFF_ADDED) | Q(action="", history_change_reason=STAFF_ADDED_BEFORE)
    versions = User.history.filter(added, id=person.pk, history_date__gte=after)
    set_by = Entry.objects.filter(
        verb=Action.PASSWORD_SET,
        target_type=User._meta.label_lower,
        target_id=str(person.pk),
        created_at__gte=after,
    )
    return {*versions.values_list("history_user", flat=True), *set_by.values_list("actor", flat=True)} - {None}
