"""Reports: what people tell us about each other's things, and what staff make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require, visible
from apps.audit.history import save_as
from apps.chat.models import Message
from apps.chat.services import remove_message
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.events.models import Event
from apps.events.services import remove_event
from apps.moderation.models import Report
from apps.notifications.models import Kind
from apps.notifications.services import notify
from apps.stories.models import Story
from apps.stories.services import hold_story, release_story, remove_story
from apps.users.models import User
from apps.users.services import suspend_user

SUSPENDED_FOR = timedelta(days=7)

Outcome = Report.Outcome


@dataclass(frozen=True, slots=True)
class Reportable:
    """A kind of thing that can be reported."""

    model: type[Model]
    author: str
    """The attribute with the id of whoever answers for it."""
    remove: Callable[..., Any] | None = None
    """The service that takes it down: (actor, id, *, reason)."""
    edit: str | None = None
    """The permission to put its words right."""


REPORTABLE = {
    Report.Kind.STORY: Reportable(Story, "author_id", remove_story),
    Report.Kind.EVENT: Reportable(Event, "host_id", remove_event, "events.change_event"),
    Report.Kind.MESSAGE: Reportable(Message, "sender_id", remove_message),
    Report.Kind.USER: Reportable(User, "pk"),
}


def reports_by(reporter: User) -> QuerySet[Report]:
    """Those that somebody made, newest first."""
    return visible(reporter, Report).newest_first()  # type: ignore[attr-defined]


@transaction.atomic
def report(reporter: User, *, kind: str, target_id: int, reason: str, note: str = "") -> Report:
    """Tell staff about something that one may see. A story is held as evidence from then on.

    Raises `Invalid` for one's own and where a note is missing, `Conflict` while the same report is open.
    """
    if reason == Report.Reason.OTHER and not note.strip():
        raise Invalid("required", _("Say in the note what is wrong."), field="note")
    thing = REPORTABLE[Report.Kind(kind)]
    target = visible(reporter, thing.model).filter(pk=target_id).first()
    if target is None:
        raise Absent("not-found", _("There is no such thing to report."))
    author_id = getattr(target, thing.author)
    if author_id == reporter.pk:
        raise Invalid("own-content", _("You cannot report yourself or what is yours."), field="id")
    if kind == Report.Kind.STORY:
        hold_story(reporter, target_id)
    new = Report(
        reporter=reporter, kind=kind, target_id=target_id, author_id=author_id, reason=reason, note=note.strip()
    )
    try:
        with transaction.atomic():
            return save_as(reporter, new, reason="reported")
    except IntegrityError as error:
        raise Conflict("already-reported", _("You have reported this already; we are looking into it.")) from error


@transaction.atomic
def settle_report(
    actor: User, report_id: int, *, outcome: str, reason: str = "", until: datetime | None = None
) -> Report:
    """Close a report with what came of it, and do it: remove, warn, or suspend `until` (a week from now).

    `edited` says that the words have been put right. The outcome needs the permission for its deed as well.
    """
    settled = Report.objects.select_for_update(of=("self",)).filter(pk=report_id).first()
    if settled is None:
        raise Absent("not-found", _("There is no such report."))
    require(actor, "moderation.settle_report", settled)
    if actor.pk in (settled.reporter_id, settled.author_id):
        raise Refused("own-report", _("You cannot settle a report that concerns yourself."))
    if outcome not in Outcome.values:
        raise _impossible(_("Choose one of the outcomes."))
    settled.settle(outcome, actor)
    _carry_out(actor, settled, reason=reason, until=until or timezone.now() + SUSPENDED_FOR)
    save_as(actor, settled, reason=reason or f"settled: {outcome}")
    notify(settled.reporter_id, Kind.REPORT_CLOSED, about=settled, outcome=outcome)
    if settled.kind == Report.Kind.STORY:
        release_story(actor, settled.target_id, still_needed=_others_open(settled).exists)
    return settled


def _others_open(settled: Report) -> QuerySet[Report]:
    same = Report.objects.open().filter(kind=settled.kind, target_id=settled.target_id)
    return same.exclude(pk=settled.pk)


def _carry_out(actor: User, settled: Report, *, reason: str, until: datetime) -> None:
    thing = REPORTABLE[Report.Kind(settled.kind)]
    match settled.outcome:
        case Outcome.REMOVED:
            if thing.remove is None:
                raise _impossible(_("A person is not removed. Warn or suspend them."))
            _take_down(actor, thing, settled.target_id, reason)
        case Outcome.EDITED:
            if thing.edit is None:
                raise _impossible(_("Only the words of an event can be edited."))
            require(actor, thing.edit, thing.model._default_manager.filter(pk=settled.target_id).first())
        case Outcome.WARNED:
            notify(settled.author_id, Kind.WARNING, thing=settled.get_kind_display().lower())
        case Outcome.SUSPENDED:
            suspend_user(actor, settled.author_id, until=until, reason=reason)


def _take_down(actor: User, thing: Reportable, target_id: int, reason: str) -> None:
    """Remove it, unless somebody was quicker: then the outcome is true already."""
    target = thing.model._default_manager.filter(pk=target_id).first()
    require(actor, f"{thing.model._meta.app_label}.delete_{thing.model._meta.model_name}", target)
    try:
        assert thing.remove is not None
        thing.remove(actor, target_id, reason=reason)
    except Absent:
        pass
    except Conflict as error:
        if error.code != "already-removed":
            raise


def _impossible(sentence: str) -> Invalid:
    return Invalid("outcome-impossible", sentence, field="outcome")
