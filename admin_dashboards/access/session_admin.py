"""The table of sessions, and the page on which all sessions of a user are ended."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from admin_dashboards.access.filters import SessionStateFilter
from admin_dashboards.context import StaffRequest, way_back, with_filters
from admin_dashboards.devices import device_of
from admin_dashboards.links import link_to
from admin_dashboards.sign_in.reauth import recently_confirmed
from admin_dashboards.states import label
from admin_dashboards.tables.date_filters import DaysFilter
from admin_dashboards.tables.search import SearchableAdmin
from apps.access import may
from apps.users.accounts.guards import (
    is_protected_superuser,
    refuse_superuser,
)
from apps.users.authentication import console_sessions
from apps.users.authentication.sessions import end_session, end_sessions_of, valid_sessions_of
from apps.users.models import Session, User

SHOWN = 20
"""How many sessions of a user are listed before all are ended."""


@admin.register(Session)
class SessionAdmin(SearchableAdmin):
    also_seen_with: ClassVar[tuple[str, ...]] = ("end",)

    list_display = ["person", "state", "door", "address", "device", "created_at", "last_seen_at"]
    list_display_links = ["created_at"]
    list_filter = ["door", SessionStateFilter, ("last_seen_at", DaysFilter)]
    ordering = ["-last_seen_at", "-id"]
    sortable_by = ["last_seen_at"]
    search_people = ("user",)
    search_help_text = gettext_lazy("User name or ID")
    actions = ["end_selected"]
    change_form_outer_before_template = "access/session.html"
    fields = [
        "person", "state", "door", "address", "user_agent", "created_at", "last_seen_at", "expires_at",
        "ended_at", "ender", "why_ended",
    ]  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:session_id>/end/", view(self.end_view), name="users_session_end"),
            path("of/<int:person_id>/end/", view(self.end_all_view), name="users_session_end_all"),
            *super().get_urls(),
        ]

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related("user", "ended_by")

    def has_end_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.allowed(request, "end", obj)

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        session = self.get_object(request, unquote(object_id))
        endable = session.is_live and self.has_end_permission(request, session)
        context = {
            "end_address": self.within(request, "end", session.pk) if endable else "",
            "end_all_address": end_all_address(request, session.user),
            "is_this_one": str(session.key) == request.session.get(console_sessions.SESSION_KEY),
            "title": str(session),
            "subtitle": None,
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def end_view(self, request: StaffRequest, session_id: int) -> HttpResponse:
        session = self.get_object(request, str(session_id))
        if not self.has_end_permission(request, session):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return recently_confirmed(self._end)(request, session)

    @display(description=gettext_lazy("why it ended"))
    def why_ended(self, session: Session) -> str:
        return session.ended_because

    def _end(self, request: StaffRequest, session: Session) -> HttpResponse:
        end_session(request.user, session.pk, _reason(request))
        said = _("Session of %(name)s ended.") % {"name": session.user}
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(way_back(request, reverse(self.address("changelist"))))

    def end_all_view(self, request: StaffRequest, person_id: int) -> HttpResponse:
        """The page of all sessions of one user; by POST they are ended."""
        if not self.has_end_permission(request):
            raise PermissionDenied
        person = User.objects.filter(pk=person_id).first()
        if person is None:
            raise Http404
        refuse_superuser(request.user, person)
        if request.method == "POST":
            return recently_confirmed(self._end_all)(request, person)
        live = valid_sessions_of(person)
        context = {
            **self.admin_site.each_context(request),
            "title": _("End all sessions of %(name)s") % {"name": person},
            "opts": self.opts,
            "person": person,
            "back": way_back(request, self.within(request, "changelist")),
            "sessions": [(session, device_of(session.user_agent)) for session in live[:SHOWN]],
            "count": live.count(),
            "is_oneself": person.pk == request.user.pk,
        }
        return TemplateResponse(request, "access/end_all.html", context)

    def _end_all(self, request: StaffRequest, person: User) -> HttpResponse:
        ended = end_sessions_of(request.user, person.pk, _reason(request))
        said = ngettext("%(n)d session of %(name)s ended.", "%(n)d sessions of %(name)s ended.", ended)
        self.message_user(request, said % {"n": ended, "name": person}, messages.SUCCESS)
        return HttpResponseRedirect(way_back(request, reverse(self.address("changelist"))))

    def changelist_view(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        view = super().changelist_view
        asks = request.method == "POST" and self.has_end_permission(request)
        return (recently_confirmed(view) if asks else view)(request, extra_context)

    @admin.action(permissions=["end"], description=gettext_lazy("End selected sessions"))
    def end_selected(self, request: StaffRequest, queryset: QuerySet[Any]) -> None:
        ended = 0
        with transaction.atomic():  # One that is not theirs to end stops them all.
            for session in queryset.filter(ended_at__isnull=True)[:100]:
                end_session(request.user, session.pk, "")
                ended += 1
        said = ngettext("%d session ended.", "%d sessions ended.", ended) % ended
        self.message_user(request, said, messages.SUCCESS if ended else messages.WARNING)

    @display(description=gettext_lazy("user"))
    def person(self, session: Session) -> str:
        return link_to(session.user)

    @display(description=gettext_lazy("ended by"))
    def ender(self, session: Session) -> str:
        return link_to(session.ended_by)

    @display(description=gettext_lazy("state"))
    def state(self, session: Session) -> SafeString:
        if session.ended_at:
            return label("logout", _("Ended"))
        if not session.is_live:
            return label("schedule", _("Expired"))
        return label("sensors", _("Active"), "good")

    @display(description=gettext_lazy("device"))
    def device(self, session: Session) -> str:
        return device_of(session.user_agent)


def end_all_address(request: StaffRequest, person: User) -> str:
    """The address at which all sessions of `person` are ended; empty where the viewer may not."""
    theirs = may(request.user, "users.end_session") and not is_protected_superuser(person, request.user)
    return with_filters(request, reverse("admin:users_session_end_all", args=[person.pk])) if theirs else ""


def _reason(request: StaffRequest) -> str:
    return request.POST.get("reason", "").strip()[:200]
