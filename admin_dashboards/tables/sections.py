"""What a row of a table shows when it is opened: the rows that belong to it, asked for once for a whole page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Model, OuterRef, QuerySet
from django.template.loader import render_to_string
from django.utils.functional import Promise
from unfold.sections import BaseSection

MOST = 5
"""How many rows a section shows, the newest."""


class Section(BaseSection):
    """A small table under a row. `ModelAdmin.attach_sections` gives each row its lines as `row.section_lines`."""

    do_not_call_in_templates = True
    title: ClassVar[str | Promise]
    headers: ClassVar[Sequence[str | Promise]]

    def render(self) -> str:
        lines = getattr(self.instance, "section_lines", {}).get(type(self), [])
        table = {"headers": [str(header) for header in self.headers], "rows": lines}
        return render_to_string("admin/section.html", {"title": self.title, "table": table})


def attach(section: type[Section], rows: Iterable[Model], found: dict[Any, list[list[Any]]]) -> None:
    """Give each row the lines that were found for its key."""
    for row in rows:
        row.__dict__.setdefault("section_lines", {})[section] = found.get(row.pk, [])


def latest_of(owners: QuerySet[Any], rows: QuerySet[Any], field: str, most: int = MOST) -> dict[Any, list[Any]]:
    """By owner, the latest of `rows` that name them in `field`, each owner's by an index. Two queries."""
    ids = rows.filter(**{field: OuterRef("pk")}).order_by("-pk").values("pk")[:most]
    wanted = owners.order_by().annotate(latest=ArraySubquery(ids)).values_list("pk", "latest")
    by_owner = dict(wanted)
    found = rows.in_bulk([pk for pks in by_owner.values() for pk in pks])
    latest: dict[Any, list[Any]] = defaultdict(list)
    for owner, pks in by_owner.items():
        latest[owner] = [found[pk] for pk in pks if pk in found]
    return latest
