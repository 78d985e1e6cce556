"""Titles and descriptions of events, edited in place in the table, and undone there."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from admin_dashboards.context import StaffRequest, asking
from admin_dashboards.errors import answers_json
from admin_dashboards.tables.base import ModelAdmin
from apps.access import granted
from apps.errors import Absent, Conflict
from apps.events.models import Event
from apps.events.services import edit_event
from apps.infra.ids import parse_id
from apps.review.decisions.models import Decision
from apps.review.decisions.services import undo

SHOWN = 60
"""Of a description, in characters."""
FIELDS = ("title", "description")


class TextMixin(ModelAdmin):
    """The column with the description and the way to edit it, and the address that takes both."""

    list_before_template = "moderation/in_place.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.text_view)
        return [path("<path:object_id>/text/", view, name="events_event_text"), *super().get_urls()]

    @display(description=gettext_lazy("description"))
    def text(self, event: Event) -> SafeString:
        shown = Truncator(event.description).chars(SHOWN)
        if not self._may_edit(event):
            return format_html("{}", shown)
        return format_html(
            '<span data-shown>{}</span> <a href="{}" class="link in-place-link" data-text-address="{}" data-title="{}" '
            'data-description="{}" aria-label="{}">{}</a>',
            shown,
            self.within(asking(), "change", event.pk),
            reverse("admin:events_event_text", args=[event.pk]),
            event.title,
            event.description,
            _("Edit text of “%(title)s”") % {"title": event.title},
            _("Edit"),
        )

    def _may_edit(self, event: Event) -> bool:
        """Asked once a page, not once a row."""
        request = asking()
        if request.console.may(self.perm("change")):
            return True
        few = granted(request.user, Event, "change").values_list("pk", flat=True)[:1000]
        return event.pk in request.console.once("editable events", lambda: set(few))

    @answers_json
    def text_view(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Edit title and description, or undo an edit. Answers the script of the table."""
        event = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, event):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return JsonResponse(self._undo(request, event) if "undo" in request.POST else self._edit(request, event))

    def _edit(self, request: StaffRequest, event: Event) -> dict[str, Any]:
        sent = {name: _plain(request.POST.get(name, "")) for name in FIELDS}
        if any(_plain(request.POST.get(f"was_{name}", "")) != _plain(getattr(event, name)) for name in FIELDS):
            raise Conflict(
                "changed-since", _("The text has changed since you opened it. Reload the page, then edit it again.")
            )
        changes: dict[str, Any] = {name: said for name, said in sent.items() if said != _plain(getattr(event, name))}
        reason = request.POST.get("reason", "").strip()[:1000]
        edited = edit_event(request.user, event.pk, reason=reason, **changes)
        decision = Decision.objects.about(event).in_force().filter(actor=request.user.pk).last() if changes else None
        said = _("“%(title)s” saved. Its host is notified in 10 seconds.") % {"title": edited.title}
        return _texts(edited) | {"sentence": said, "decision": decision.pk if decision else None}

    def _undo(self, request: StaffRequest, event: Event) -> dict[str, Any]:
        number = parse_id(request.POST["undo"])
        known = Decision.objects.about(event).filter(pk=number, verb="event.edited").first()
        if known is None:
            raise Absent("absent", _("This decision does not exist. Reload the page."))
        undo(request.user, known.pk)
        event.refresh_from_db()
        return _texts(event) | {"sentence": _("Undone."), "decision": None}


def _texts(event: Event) -> dict[str, Any]:
    shown = Truncator(event.description).chars(SHOWN)
    return {"title": event.title, "description": event.description, "shown": shown}


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")
