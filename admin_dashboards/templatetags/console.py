"""Tags of the console's templates: `{% load console %}`."""

from __future__ import annotations

from typing import Any

from django import template

from admin_dashboards.asking import asking, with_filters

register = template.Library()


@register.filter(name="with_filters")
def keep_filters(address: Any) -> str:
    """The address with the filters of the list that one came from: see `asking.with_filters`."""
    return with_filters(asking(), str(address))
