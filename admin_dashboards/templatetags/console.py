"""Tags of the console's templates: `{% load console %}`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from admin_dashboards.breadcrumbs import as_in_menu
from admin_dashboards.context import asking, with_filters
from apps.access import until_text

register = template.Library()
JUST_NOW = timedelta(minutes=1)


@register.filter
def labelled(cell: Any, header: Any) -> Any:
    """The cell of a table with its heading as `data-label`, which names the value where rows are cards."""
    text = strip_tags(str(header)).strip()
    named = f'data-label="{escape(text[:1].upper() + text[1:])}"'
    return mark_safe(re.sub(r"^\s*<t[dh]\b", lambda start: f"{start[0]} {named}", str(cell), count=1))  # noqa: S308


@register.filter(name="with_filters")
def keep_filters(address: Any) -> str:
    """The address with the filters of the list that one came from: see `asking.with_filters`."""
    return with_filters(asking(), str(address))


@register.filter
def ago(time: datetime | None) -> SafeString | str:
    """As in "5 minutes ago", with the exact time on hover; empty where there is no time."""
    if time is None:
        return ""
    since = timezone.now() - time
    words = _("just now") if since < JUST_NOW else _("%(time)s ago") % {"time": timesince(time, depth=1)}
    exact = f"{date_format(timezone.localtime(time), 'DATETIME_FORMAT')} {timezone.get_current_timezone_name()}"
    return format_html('<time datetime="{}" title="{}">{}</time>', time.isoformat(), exact, words)


@register.filter
def until(time: datetime) -> str:
    """As in "until 3 May 2026, 17:00 Europe/Berlin"."""
    return until_text(time)


register.filter(as_in_menu)
