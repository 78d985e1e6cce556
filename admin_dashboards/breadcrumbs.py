"""The way to a page, by the names of the menu."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from admin_dashboards.context import asking
from admin_dashboards.menu import SECTIONS

TABLE_PAGES = {"import": _("Import"), "process_import": _("Import"), "export": _("Export")}
"""The pages of a table that no row has, by what follows the table in their address."""


def as_in_menu(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts of a breadcrumb, named as the menu names them: the section, the table, the row or page.

    Unfold names the app and the model. A section has no page of its own, so its name leads nowhere.
    """
    if len(parts) < 2 or (names := _names().get(str(parts[1].get("link")))) is None:
        return parts
    section, table = names
    page = TABLE_PAGES.get(asking().path.removeprefix(parts[1]["link"]).partition("/")[0])
    return [{"title": section}, {**parts[1], "title": table}, *parts[2:], *([{"title": page}] if page else [])]


def _names() -> dict[str, tuple[str, str]]:
    """Section and title of each table, by its address."""
    return {
        reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"): (str(section), str(entry.title))
        for section, entries in SECTIONS
        for entry in entries
        for opts in [apps.get_model(entry.model)._meta]
    }
