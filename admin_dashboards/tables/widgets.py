"""How times and numbers are written into files and read from them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from import_export.widgets import DateTimeWidget, IntegerWidget

if TYPE_CHECKING:
    from django.db.models import Model


class Moment(DateTimeWidget):
    """A time to the microsecond, in UTC, so that what goes out and comes in again has not changed."""

    def render(self, value: datetime | None, obj: Model | None = None, **_options: Any) -> str:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else ""

    def clean(self, value: str | None, row: Any = None, **_options: Any) -> datetime | None:
        if not value:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_("Write the time like 2026-01-31T20:00:00Z.")) from None
        # Beyond these years pages could not show it in the zone of their viewer.
        if not 1900 <= moment.year < 3000:
            raise ValueError(_("Enter a year from 1900 to 2999."))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# Programs that count in fractions write 7.0; in 1.000, half of Europe reads a thousand.
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}(?:\.0{0,2})?")


class WholeNumber(IntegerWidget):
    def clean(self, value: str | None, row: Any = None, **_options: Any) -> int | None:
        if not value:
            return None
        if not _WHOLE.fullmatch(value.strip()):
            raise ValueError(_("Write a whole number in digits alone, such as 1000."))
        return int(value.partition(".")[0])
