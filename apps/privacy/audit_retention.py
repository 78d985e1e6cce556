"""The end of audit entries whose time is over. By the owner of the tables alone: what serves can delete none."""

from __future__ import annotations

from datetime import timedelta

import pgtrigger
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import record
from apps.infra.owner import as_owner
from apps.privacy.holds import on_hold
from apps.privacy.models import Kept
from apps.privacy.periods import days_of
from apps.transparency.sequencing import record_purge

AT_ONCE = 5_000
"""Rows of one transaction."""


def purge_entries() -> int:
    """Delete the audit entries that the retention schedule says; returns how many.

    Entries by or about a user under a legal hold stay. Each batch is a line of the log, so that verification knows
    why its rows are gone. Raises `Conflict` where entries are not in the log yet.
    """
    days = days_of(Kept.AUDIT)
    if days is None:
        return 0
    held = Q(on_hold("subject")) | Q(on_hold("actor"))
    due = Entry.objects.filter(~held, created_at__lte=timezone.now() - timedelta(days=days)).order_by("pk")
    purged = 0
    with as_owner():
        while gone := _purge(due):
            purged += gone
        if purged:
            record(None, Action.PURGED, kind=Kept.AUDIT, count=purged)
    return purged


def _purge(due: QuerySet[Entry]) -> int:
    """Delete a batch, of rows that no other purge is at: each is counted once, since so many may be missing."""
    with pgtrigger.ignore("audit.Entry:append_only_rows"), transaction.atomic():
        rows = due.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)
        numbers = list(rows[:AT_ONCE])
        if numbers:
            record_purge(Entry._meta.label_lower, first_row=numbers[0], last_row=numbers[-1], count=len(numbers))
            Entry.objects.filter(pk__in=numbers).delete()
    return len(numbers)
