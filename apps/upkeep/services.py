"""Notes that work was done. /metrics shows when, and an alert tells where it has not been done for too long."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.errors import Invalid
from apps.upkeep.models import LastSuccess, Rehearsal

NAME = re.compile(r"[a-z][a-z_]{0,31}")


def note_success(name: str, *, at: datetime | None = None) -> None:
    """Note that the work `name`, as `backup`, has been done: now, or at `at`.

    Raises `Invalid` for a name that is not one of lower-case letters and underscores, at most 32.
    """
    if not NAME.fullmatch(name):
        raise Invalid("invalid", "A name is of lower-case letters and underscores, at most 32.", field="name")
    LastSuccess.objects.update_or_create(name=name, defaults={"at": at or timezone.now()})


def note_rehearsal(**result: Any) -> Rehearsal:
    """Keep the result of a rehearsal, with the fields of `Rehearsal`; without a finding it is a success."""
    rehearsal = Rehearsal.objects.create(**result)
    if not rehearsal.finding:
        note_success("rehearsal")
    return rehearsal
