"""Memberships and grants that may have an end: from that second on they count for nothing.

Every query here leaves an ended one out, whether or not a job has cleaned up since.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import DateTimeField, Model, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.errors import Invalid


class TimeBoxed(Model):
    """A grant or membership in force for good or until a time, to the second."""

    begun_at = DateTimeField(gettext_lazy("since"), default=timezone.now, db_default=Now(), editable=False)
    ends_at = DateTimeField(gettext_lazy("until"), null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_over(self) -> bool:
        return self.ends_at is not None and self.ends_at <= timezone.now()


def unended(prefix: str = "", now: Any = None) -> Q:
    """Condition for time-boxed rows without an end, or with one in the future. `prefix` leads there by a relation;
    `now` stands for the time in a statement that is prepared."""
    return Q(**{f"{prefix}ends_at__isnull": True}) | Q(**{f"{prefix}ends_at__gt": now or timezone.now()})


def check_end(ends_at: datetime | None, *, field: str) -> datetime | None:
    """The end of a grant made now, in whole seconds. Raises `Invalid` for a time in the past."""
    if ends_at is None:
        return None
    if ends_at <= timezone.now():
        raise Invalid("already-over", _("Choose an end in the future."), field=field)
    return ends_at.replace(microsecond=0)


def until_text(ends_at: datetime) -> str:
    """As in "until 3 May 2026, 17:00 Europe/Berlin": in the current time zone, which is named."""
    return _("until %(time)s %(zone)s") % {
        "time": date_format(timezone.localtime(ends_at), "DATETIME_FORMAT"),
        "zone": timezone.get_current_timezone_name(),
    }
