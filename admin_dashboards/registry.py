"""The desks and tables that there are, and which of them a viewer may open.

Desks and tables register themselves as their modules are imported (`admin_dashboards.admin`), so this module imports
none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.db.models import Model
from django.http import HttpResponse
from django.urls import reverse

from admin_dashboards.context import StaffRequest

if TYPE_CHECKING:
    from admin_dashboards.desk import Desk
    from admin_dashboards.review.desk import WorkDesk
    from admin_dashboards.tables.base import ModelAdmin

_desks: dict[str, Desk] = {}
_object_pages: list[ObjectPage] = []


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """A page of each object of a table, at `<id>/<name>/`, that another part of the console adds to the table."""

    name: str
    answer: Callable[[ModelAdmin, StaffRequest, str], HttpResponse]
    """Called with the table, the request and the object's id."""
    permission: str
    """With which the object's own page links to it."""
    applies_to: Callable[[type[Model]], bool]


def register_desk[T: type[Desk]](desk: T) -> T:
    """Class decorator: add a desk of this class to the console."""
    _desks[desk.slug] = desk()
    return desk


def register_object_page(page: ObjectPage) -> None:
    """Add the page to every table whose model it applies to."""
    _object_pages.append(page)


def desks() -> list[Desk]:
    """All desks, in the order of the menu."""
    return sorted(_desks.values(), key=lambda desk: desk.order)


def queue_desks() -> list[WorkDesk]:
    """The desks that have a queue, in the order of the menu."""
    return [cast("WorkDesk", desk) for desk in desks() if desk.has_queue]


def open_desks(request: StaffRequest) -> list[Desk]:
    """The desks in the menu that the viewer may open."""
    return [desk for desk in desks() if desk.is_in_menu(request)]


def landing(request: StaffRequest, address: str) -> str:
    """Where a sign-in leads: `address`, or for the overview of a viewer with one desk, that desk."""
    theirs = open_desks(request) if address == reverse("admin:index") else []
    return theirs[0].address if len(theirs) == 1 else address


def all_tables() -> Iterator[ModelAdmin]:
    """All tables; the site registers no others than the console's own."""
    return iter(cast("dict[Any, ModelAdmin]", admin.site._registry).values())


def table_for(model: type[Model]) -> ModelAdmin | None:
    """The table of `model`; None where it has none."""
    return cast("ModelAdmin | None", admin.site._registry.get(model))


def object_pages(model: type[Model]) -> list[ObjectPage]:
    """The pages that other parts of the console add to the objects of `model`."""
    return [page for page in _object_pages if page.applies_to(model)]
