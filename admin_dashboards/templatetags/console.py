"""Tags of the console's templates: `{% load console %}`."""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.utils.html import escape, strip_tags
from django.utils.safestring import mark_safe

from admin_dashboards.asking import asking, with_filters

register = template.Library()


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
