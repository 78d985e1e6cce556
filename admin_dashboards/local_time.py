"""Times that staff type: read in the time zone of their preferences, kept in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _


def read_time(text: str, kept: datetime | None = None) -> datetime | None:
    """The time that `text` names in the current time zone; None where it is empty.

    `kept` is the time that the field was shown with: left as it is, it stays the same instant, one that occurs twice
    too. Raises `ValidationError` for what is no time, and for a time that the clocks skip or go through twice.
    """
    if not text.strip():
        return None
    try:
        time = parse_datetime(text.strip())
    except ValueError:
        time = None
    if time is None or not 1900 <= time.year < 3000:
        raise ValidationError(_("Enter the end as a date and time, such as 2026-12-31 18:00."), code="no-time")
    if time.tzinfo:
        return time
    time = time.replace(microsecond=0)
    if kept is not None and time == _wall_clock(kept):
        return kept
    zone = timezone.get_current_timezone()
    earlier, later = time.replace(tzinfo=zone, fold=0), time.replace(tzinfo=zone, fold=1)
    if _wall_clock(earlier) != time:
        sentence = _("The clocks in %(zone)s skip this time on that day. Enter an earlier or a later one.")
        raise ValidationError(sentence % {"zone": zone}, code="skipped-time")
    if earlier.utcoffset() != later.utcoffset():
        sentence = _("This time occurs twice in %(zone)s on that day. Enter one before or after the repeated hour.")
        raise ValidationError(sentence % {"zone": zone}, code="repeated-time")
    return earlier.astimezone(UTC)


def time_input(time: datetime) -> str:
    """`time` in the current time zone, as the value of a form field."""
    return f"{_wall_clock(time):%Y-%m-%dT%H:%M:%S}"


def _wall_clock(time: datetime) -> datetime:
    """What a clock in the current time zone shows then, to the second."""
    # By way of UTC: within one zone Python would compare and convert ignoring the offset.
    return timezone.localtime(time.astimezone(UTC)).replace(tzinfo=None, microsecond=0)
