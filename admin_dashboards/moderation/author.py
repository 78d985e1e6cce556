"""About the author of a case: their other content and cases, reports, strikes and appeals. Shown beside the case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from admin_dashboards.context import StaffRequest
from admin_dashboards.links import link_to
from admin_dashboards.registry import table_for
from admin_dashboards.tables.base import ModelAdmin
from apps.events.models import Event
from apps.moderation.actions.registry import label_of
from apps.moderation.models import Appeal, Case, Report, Strike
from apps.stories.models import Story
from apps.users.models import User

LATEST = 5
"""How many lines a section shows."""


@dataclass(frozen=True, slots=True)
class Line:
    """One object: its name, linked where the viewer may open it, and its state."""

    text: str | SafeString
    state: str | SafeString
    at: datetime


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: list[Line]
    more: bool
    """Whether there are older ones than are shown."""
    empty: str


def sections(request: StaffRequest, author: User, *, but: Case) -> list[Section]:
    """The latest of each kind, in one query each; of content only the tables that the viewer may open."""
    found = []
    if table := _table(request, Story):
        rows = table.get_queryset(request).filter(author=author).order_by("-created_at", "-id")
        found.append(_section(_("Stories"), rows, _story, _("No stories.")))
    if table := _table(request, Event):
        rows = table.get_queryset(request).filter(host=author).order_by("-created_at", "-id")
        found.append(_section(_("Events"), rows, _event, _("No events.")))
    cases = Case.objects.filter(author=author).exclude(pk=but.pk).order_by("-id")
    made = Report.objects.filter(reporter=author).order_by("-id")
    strikes = Strike.objects.filter(person=author).select_related("case").order_by("-given_at", "-id")
    appeals = Appeal.objects.filter(author=author).order_by("-id")
    return [
        *found,
        _section(_("Other cases"), cases, _case, _("No other cases.")),
        _section(_("Reports made"), made, _report, _("No reports made.")),
        _section(_("Strikes"), strikes, _strike, _("No strikes.")),
        _section(_("Appeals"), appeals, _appeal, _("No appeals.")),
    ]


def _section(title: str, rows: QuerySet[Any], line: Any, empty: str) -> Section:
    found = list(rows[: LATEST + 1])
    return Section(title, [line(row) for row in found[:LATEST]], len(found) > LATEST, empty)


def _table(request: StaffRequest, model: type[Model]) -> ModelAdmin | None:
    table = table_for(model)
    return table if table is not None and table.has_view_permission(request) else None


def _state(row: Model) -> str | SafeString:
    table: Any = table_for(type(row))
    return table.state(row)


def _story(story: Story) -> Line:
    caption = Truncator(story.caption).chars(60) or _("Story %(id)s") % {"id": story.pk}
    return Line(link_to(story, caption), _state(story), story.created_at)


def _event(event: Event) -> Line:
    return Line(link_to(event, Truncator(event.title).chars(60)), _state(event), event.created_at)


def _case(case: Case) -> Line:
    address = reverse("admin:desk_moderation_item", args=[case.pk])
    outcomes = label_of(case.outcomes)
    name = f"{case.get_kind_display()} {case.target_id}"
    linked = format_html('<a class="link" href="{}">{}</a>', address, name)
    return Line(linked, outcomes or _("open"), case.opened_at)


def _report(report: Report) -> Line:
    name = f"{report.get_kind_display()} {report.target_id}: {report.get_reason_display()}"
    return Line(name, report.get_outcome_display() or _("open"), report.created_at)


def _strike(strike: Strike) -> Line:
    name = ngettext("%(n)d point for %(what)s", "%(n)d points for %(what)s", strike.points) % {
        "n": strike.points,
        "what": f"{strike.case.get_kind_display().lower()} {strike.case.target_id}",
    }
    until = _("until %(time)s") % {"time": date_format(strike.expires_at, "j M Y")}
    return Line(name, _("Lifted") if strike.lifted_at else until, strike.given_at)


def _appeal(appeal: Appeal) -> Line:
    return Line(Truncator(appeal.text).chars(60), appeal.get_status_display(), appeal.created_at)
