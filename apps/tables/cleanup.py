"""Ends and deletes what no user and no worker goes on with: expired transfers, their files, silent steps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django.models import ProcrastinateJob

from apps.errors import Unavailable
from apps.tables.files import delete_leftovers
from apps.tables.models import Transfer
from apps.tables.services import HEARTBEAT, TASK, fail

SILENT = timedelta(minutes=15)
"""A step that has no job any more, and has been silent for so long, has failed."""


def purge() -> int:
    """Delete expired transfers, and files that are needed no more; returns how many transfers.

    What storage does not delete is tried again the next time.
    """
    for key in Transfer.objects.exclude(leftovers=[]).values_list("pk", flat=True)[:1000]:
        delete_leftovers(key)
    purged = 0
    for key in Transfer.objects.expired().values_list("pk", flat=True)[:1000]:
        with transaction.atomic():
            row = Transfer.objects.select_for_update(skip_locked=True).expired().filter(pk=key).first()
            if row is None:
                continue
            try:
                for name in filter(None, (row.source, row.preview, row.result, *row.leftovers)):
                    default_storage.delete(name)
            except Unavailable:
                continue
            row.delete()
            purged += 1
    return purged


def fail_silent() -> int:
    """Fail steps that no worker goes on with; returns how many.

    A step goes on as long as its job waits, or a worker that lives has it in hand: while an import is applied, nothing
    else shows it. A job of a dead worker is begun anew by `ops.retry_stalled`.
    """
    failed = 0
    rows = Transfer.objects.silent(SILENT)
    keys = rows.values_list("pk", flat=True)[:1000]
    living = _keys_at_work(keys)
    for key in keys:
        if str(key) in living:
            continue
        with transaction.atomic():
            row = rows.select_for_update(skip_locked=True).filter(pk=key).first()
            if row is not None:
                fail(row, _("The worker stopped in the middle of it. Nothing was changed. Start again."))
                failed += 1
    return failed


def _keys_at_work(keys: Iterable[UUID]) -> set[str]:
    """Those of the transfers whose job waits, or is with a worker that lives."""
    jobs = ProcrastinateJob.objects.filter(task_name=TASK, args__key__in=[str(key) for key in keys])
    alive = Q(status="doing", worker__last_heartbeat__gte=timezone.now() - HEARTBEAT)
    return set(jobs.filter(Q(status="todo") | alive).values_list("args__key", flat=True))
