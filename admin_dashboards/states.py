"""States as staff see them: an icon and a word, and only then a colour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

TONES = {
    "neutral": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
    "good": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "wait": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "bad": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
}


def label(icon: str, word: str | Promise, tone: str = "neutral") -> SafeString:
    """`icon` is the name of a Material symbol, `tone` one of TONES."""
    return format_html(
        '<span class="inline-block font-semibold h-6 leading-6 px-2 rounded-default text-[11px] whitespace-nowrap {}">'
        '<span class="material-symbols-outlined text-sm -ml-0.5 mr-0.5 align-[-3px]" aria-hidden="true">{}</span>'
        "{}</span>",
        TONES[tone],
        icon,
        word,
    )


def moment(time: datetime | None) -> str:
    """A time in a column: without its year in this year, and whole for whoever points at it."""
    if time is None:
        return "–"
    local = timezone.localtime(time)
    form = "j M H:i" if local.year == timezone.localtime().year else "j M Y"
    return format_html(
        '<time class="moment" datetime="{}" title="{}">{}</time>',
        time.isoformat(timespec="seconds"),
        date_format(local, "DATETIME_FORMAT"),
        date_format(local, form),
    )


def time_column(field: str, description: str | Promise) -> Callable[[Any, Any], str]:
    """A column with the time of `field`, by which the table is ordered, too."""

    @display(description=description, ordering=field)
    def column(_table: Any, row: Any) -> str:
        return moment(getattr(row, field))

    return column
