"""What a user gains and loses between two snapshots of the console, as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from admin_dashboards.access.console_snapshot import ALL, ConsoleSnapshot, RowGrant
from admin_dashboards.registry import all_tables
from apps.access import until_text

MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Change:
    """What one user gains or loses of one kind, as in menus or pages."""

    gained: bool
    what: str
    items: list[str]


def differences(old: ConsoleSnapshot, new: ConsoleSnapshot) -> Iterable[Change]:
    for gained, one, other in ((True, new, old), (False, old, new)):
        for what, items in (
            (_("menus"), [title for link, title in one.menus.items() if link not in other.menus]),
            (_("groups"), _group_lines(one, other)),
            (_("permissions"), _perm_names(one.perms - other.perms)),
            (_("rows"), list(_row_lines(one, other))),
            (_("object permissions"), _grant_lines(one.row_grants - other.row_grants)),
            (_("pages"), sorted(one.addresses - other.addresses)),
        ):
            if items:
                yield Change(gained, what, items)


def _group_lines(one: ConsoleSnapshot, other: ConsoleSnapshot) -> list[str]:
    lines = []
    for number, (name, until) in one.groups.items():
        if number not in other.groups or other.groups[number][1] != until:
            lines.append(_named(name, until))
    return sorted(lines)


def _named(name: str, until: datetime | None) -> str:
    return f"{name}, {until_text(until)}" if until else name


def _table_names() -> dict[str, str]:
    return {
        reverse(table.address("changelist")): str(capfirst(str(table.opts.verbose_name_plural)))
        for table in all_tables()
    }


def _perm_names(perms: set[str]) -> list[str]:
    if not perms:
        return []
    codes = {perm.split(".", 1)[1] for perm in perms}
    found = Permission.objects.filter(codename__in=codes).select_related("content_type")
    return sorted(p.name for p in found if f"{p.content_type.app_label}.{p.codename}" in perms)


def _row_lines(one: ConsoleSnapshot, other: ConsoleSnapshot) -> Iterable[str]:
    titles = _table_names() | other.menus | one.menus
    for address, rows in one.rows.items():
        name, had = titles[address], other.rows.get(address, set())
        if isinstance(rows, str):
            if had not in (ALL, rows):
                yield _("%(table)s: all") % {"table": name} if rows == ALL else f"{name}: {rows}"
        elif not isinstance(had, str) and rows - had:
            yield f"{name}: {_numbers(rows - had)}"


def _grant_lines(grants: set[RowGrant]) -> list[str]:
    lines = []
    names = {perm: _perm_names({perm}) for perm, *_row in grants}
    for perm, kind, number, until in sorted(grants, key=lambda grant: grant[:3])[:MOST_ROWS]:
        lines.append(_named(f"{(names[perm] or [perm])[0]} · {kind} {number}", until))
    if len(grants) > MOST_ROWS:
        lines.append(_("and %(n)d more") % {"n": len(grants) - MOST_ROWS})
    return lines


def _numbers(rows: set[int]) -> str:
    shown = ", ".join(map(str, sorted(rows)[:MOST_ROWS]))
    return shown + (_(" and %(n)d more") % {"n": len(rows) - MOST_ROWS} if len(rows) > MOST_ROWS else "")
