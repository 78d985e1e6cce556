"""The console's menu, as data: sections of tables, each opened by the right to see something in it."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _say
from django.utils.translation import gettext_lazy as _

from admin_dashboards.context import StaffRequest, table_of
from admin_dashboards.live import lazy_counts
from admin_dashboards.menu import SECTIONS, Entry
from admin_dashboards.registry import open_desks, queue_desks, table_for
from admin_dashboards.tables.base import ModelAdmin
from admin_dashboards.tables.change_list import BoundedPaginator


def tables(request: StaffRequest) -> list[tuple[str | Promise, list[tuple[Entry, ModelAdmin]]]]:
    """The sections with the tables that the viewer may open; empty sections are left out."""
    found = []
    for title, entries in SECTIONS:
        open_ones = [
            (entry, table)
            for entry in entries
            if (table := table_for(apps.get_model(entry.model))) and table.has_view_permission(request)
        ]
        if open_ones:
            found.append((title, open_ones))
    return found


def menu(request: StaffRequest) -> list[dict[str, Any]]:
    """What Unfold draws in the sidebar: the desks first."""
    return [*_desk_menu(request), *_table_menu(request)]


def _desk_menu(request: StaffRequest) -> list[dict[str, Any]]:
    items = [
        {
            "title": desk.title,
            "icon": desk.icon,
            "link": desk.address,
            # Tables of an app of the desk's name lie below its address, too, and have entries of their own.
            "active": request.path.startswith(desk.address) and table_of(request.path) is None,
            "counted": desk.slug if desk.has_queue else "",
            "counts": lazy_counts(request, desk.slug) if desk.has_queue else None,
        }
        for desk in open_desks(request)
    ]
    # Users who set the rules of a desk but may not open it see that page alone.
    items += [
        {
            "title": _say("%(desk)s: rules") % {"desk": desk.title},
            "icon": "rule_settings",
            "link": desk.at("settings"),
            "active": request.path == desk.at("settings"),
        }
        for desk in queue_desks()
        if not desk.may_open(request) and desk.may_set(request)
    ]
    return [{"title": _("Desk"), "items": items}] if items else []


def _table_menu(request: StaffRequest) -> list[dict[str, Any]]:
    return [
        {
            "title": title,
            "items": [
                {
                    "title": entry.title,
                    "icon": entry.icon,
                    "link": (link := address(table)),
                    "active": request.path.startswith(link),
                }
                for entry, table in entries
            ],
        }
        for title, entries in tables(request)
    ]


def address(table: ModelAdmin) -> str:
    return reverse(f"admin:{table.opts.app_label}_{table.opts.model_name}_changelist")


def overview(request: StaffRequest) -> list[dict[str, Any]]:
    """Each table that the viewer may open, with its figures."""
    return [
        {"title": title, "tables": [_figures(request, entry, table) for entry, table in entries]}
        for title, entries in tables(request)
    ]


def _figures(request: StaffRequest, entry: Entry, table: ModelAdmin) -> dict[str, Any]:
    rows, link = table.get_queryset(request), address(table)
    return {
        "title": entry.title,
        "icon": entry.icon,
        "address": link,
        "figure": _figure(rows),
        "parts": [
            {"title": title, "address": f"{link}?{query}", "figure": _figure(rows.filter(meaning))}
            for (title, query), meaning in table.parts().items()
        ],
    }


def _figure(rows: QuerySet[Any]) -> str:
    """How many; counted up to a bound, as everywhere."""
    paginator = BoundedPaginator(rows, 1)
    return f"{paginator.count:,}{'+' if paginator.there_are_more else ''}"
