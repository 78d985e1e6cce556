"""Objects that permissions are granted on, found by what an access manager may know of them.

That is type, ID and whom it belongs to. Titles and kinds are shown and searched where the viewer may view the model.
Nothing that the tables mask is shown or searched: no text of a message, no email address, no phone number, and not the
reporter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from django.db.models import Model, QuerySet
from django.urls import Resolver404, resolve, reverse
from django.utils.functional import Promise
from django.utils.text import Truncator

from admin_dashboards.tables.search import people_named
from apps.access import may, models_with_row_grants
from apps.infra.ids import parse_id, searched_number
from apps.users.models import User
from apps.users.names import seen, tidy

MOST = 20
"""How many matches are shown of one type; of all types together a quarter of each."""
NEWEST = 5000
"""Titles have no index: so many of the newest objects are searched by them."""
LONGEST_SEARCH = 300


@dataclass(frozen=True, slots=True)
class Type:
    """How objects of one model are searched and named."""

    owner: str
    """The field that names whom an object belongs to."""
    named: Callable[[Any], str]
    title: str = ""
    """The field that holds the title; empty where there is none to search."""
    left_out: tuple[str, ...] = ()
    """Fields that are not read."""


TYPES = {
    "document": Type("owner", lambda document: str(document.get_doc_type_display()).lower()),
    "event": Type("host", lambda event: event.title, "title", ("description",)),
    "message": Type("sender", lambda message: "•••", left_out=("text",)),
    "report": Type("author", lambda report: str(report.get_reason_display()).lower(), left_out=("note",)),
    "story": Type("author", lambda story: story.caption, "caption"),
}
"""By the name of the model."""
DESK_PAGES = {"desk_compliance_item": "document"}
"""Pages of desks that show one object, by the name of the address."""
API_PAGES = {"stories": "story", "events": "event"}


@dataclass(frozen=True, slots=True)
class Match:
    row: Model
    shows: bool
    """Whether the viewer may read what the object is."""

    @property
    def kind(self) -> str:
        return str(self.row._meta.verbose_name)

    @property
    def name(self) -> str:
        """As in "#81 identity, maya.lund", or "#81, maya.lund"."""
        of = TYPES[self.row._meta.model_name or ""]
        title = Truncator(of.named(self.row)).chars(60) if self.shows else ""
        return ", ".join(filter(None, [f"#{self.row.pk} {title}".strip(), str(getattr(self.row, of.owner))]))

    @property
    def address(self) -> str:
        opts = self.row._meta
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_permissions", args=[self.row.pk])


def kinds() -> list[tuple[str, str | Promise]]:
    return [(model._meta.model_name or "", model._meta.verbose_name) for model in models_with_row_grants()]  # type: ignore[misc]


def find_objects(viewer: User, kind: str, text: str) -> list[Match]:
    """The objects that `text` means: an ID, a user name, part of a title, or the address of a page of the object.

    Of the type `kind`, or of all types where it is empty or unknown. IDs come first, then the newest; at most `MOST`
    of one type.
    """
    text = tidy(seen(text))[:LONGEST_SEARCH].strip("<>\"'")
    models = {model._meta.model_name or "": model for model in models_with_row_grants()}
    if not text:
        return []
    shown = {name: bool(may(viewer, f"{model._meta.app_label}.view_{name}")) for name, model in models.items()}
    if "/" in text and (meant := _of_address(text)):
        name, number = meant
        found = _rows(models[name], name).filter(pk=number) if name in models else []
        return [Match(row, shown[name]) for row in found]
    people = people_named(text)
    wanted = {kind: models[kind]} if kind in models else models
    most = MOST if kind in models else MOST // 4
    return [
        Match(row, shown[name])
        for name, model in wanted.items()
        for row in _found(model, name, text, people, by_title=shown[name])[:most]
    ]


def _found(model: type[Model], name: str, text: str, people: list[int], *, by_title: bool) -> list[Model]:
    """One query for each way to be meant, so that each has its index; the union of them would have none."""
    found: dict[int, Model] = {}
    for rows in _ways(model, name, text, people, by_title=by_title):
        for row in rows[:MOST]:
            found.setdefault(row.pk, row)
    return list(found.values())[:MOST]


def _ways(model: type[Model], name: str, text: str, people: list[int], *, by_title: bool) -> Iterator[QuerySet[Any]]:
    rows, of = _rows(model, name), TYPES[name]
    if number := searched_number(text, str(model._meta.verbose_name)):
        yield rows.filter(pk=number)
    if people:
        yield rows.filter(**{f"{of.owner}__in": people}).order_by("-pk")
    if of.title and by_title:
        newest = model._default_manager.order_by("-pk").values("pk")[:NEWEST]
        yield rows.filter(**{"pk__in": newest, f"{of.title}__icontains": text}).order_by("-pk")


def _rows(model: type[Model], name: str) -> QuerySet[Any]:
    of = TYPES[name]
    return model._default_manager.select_related(of.owner).defer(*of.left_out)


def _of_address(text: str) -> tuple[str, int] | None:
    """The name of the model and the ID that the address of a page of the console or of the API names."""
    try:
        path = unquote(urlsplit(text).path if "://" in text else f"/{text.lstrip('/')}").partition("?")[0]
    except ValueError:  # begins like an address, and is none
        return None
    if match := re.match(r"^/api/(\w+)/(\d+)(?:/|$)", path):
        return _meant(API_PAGES.get(match[1], ""), match[2])
    try:
        page = resolve(path if path.endswith("/") else f"{path}/")
    except Resolver404:
        return None
    number = next((str(value) for key, value in page.kwargs.items() if key in ("object_id", "item_id")), "")
    model = getattr(getattr(page.func, "model_admin", None), "model", None)
    known = DESK_PAGES.get(page.url_name or "") or (model._meta.model_name if model else "")
    if not known and (table := re.match(r"^/admin/\w+/(\w+)/(\d+)/", path)):
        known, number = table.groups()
    return _meant(known or "", number)


def _meant(name: str, number: str) -> tuple[str, int] | None:
    return (name, parse_id(number)) if name in TYPES and parse_id(number) else None
