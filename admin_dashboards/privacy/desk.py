"""The privacy desk: erasures, legal holds and the retention schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.context import StaffRequest
from admin_dashboards.desk import Desk
from admin_dashboards.errors import with_status
from admin_dashboards.links import link_to
from admin_dashboards.registry import register_desk
from admin_dashboards.sign_in.reauth import recently_confirmed
from admin_dashboards.timeline import changes_in
from apps.errors import Absent, DomainError, Refused
from apps.infra.ids import parse_id
from apps.privacy.certificates import certificate_of
from apps.privacy.erasures import cancel_erasure, order_erasure
from apps.privacy.holds import place_hold, release_hold
from apps.privacy.models import Erasure, Kept, LegalHold, RetentionPeriod
from apps.privacy.periods import LONGEST, schedule, set_period
from apps.review.settings import version_of
from apps.users.models import User

SHOWN = 50
"""How many erasures and holds a page lists, latest first."""
ACTS = (
    "privacy.add_erasure", "privacy.cancel_erasure", "privacy.add_legalhold", "privacy.release_legalhold",
    "privacy.change_retentionperiod",
)  # fmt: skip
"""The permissions with which a user has work here, and not only looks."""


@register_desk
class PrivacyDesk(Desk):
    slug = "privacy"
    title: ClassVar[str | Promise] = gettext_lazy("Privacy")
    icon = "shield_lock"
    permission = "privacy.view_erasure"
    order = 60

    def get_urls(self) -> list[URLPattern]:
        def opens(permission: str) -> Callable[[StaffRequest], bool]:
            return lambda request: bool(request.console.may(permission))

        return [
            path("", self.view(self.erasures, posts=True), name="desk_privacy"),
            path(
                "holds/",
                self.view(self.holds, posts=True, opens=opens("privacy.view_legalhold")),
                name="desk_privacy_holds",
            ),
            path(
                "retention/",
                self.view(self.retention, posts=True, opens=opens("privacy.view_retentionperiod")),
                name="desk_privacy_retention",
            ),
            path("certificate/<int:erasure_id>/", self.view(self.certificate), name="desk_privacy_certificate"),
        ]

    def is_in_menu(self, request: StaffRequest) -> bool:
        return self.may_open(request) and any(request.console.may(permission) for permission in ACTS)

    # --- Pages --------------------------------------------------------------------------------------------------------

    def erasures(self, request: StaffRequest) -> HttpResponse:
        return self._answer(
            request,
            self._erasures,
            {"order": ("privacy.add_erasure", self._order), "cancel": ("privacy.cancel_erasure", self._cancel)},
            "admin:desk_privacy",
        )

    def _erasures(self, request: StaffRequest, context: dict[str, Any]) -> HttpResponse:
        rows = Erasure.objects.select_related("person", "requested_by").order_by("-requested_at", "-id")
        scheduled = rows.scheduled().order_by("due_at", "id")[:SHOWN]
        context |= {
            "scheduled": [(erasure, link_to(erasure.person)) for erasure in scheduled],
            "over": rows.exclude(status=Erasure.Status.SCHEDULED)[:SHOWN],
            "may_order": request.console.may("privacy.add_erasure"),
            "may_cancel": request.console.may("privacy.cancel_erasure"),
        }
        return self._tab(request, "erasures", context, _("Erasures"))

    def holds(self, request: StaffRequest) -> HttpResponse:
        return self._answer(
            request,
            self._holds,
            {"place": ("privacy.add_legalhold", self._place), "release": ("privacy.release_legalhold", self._release)},
            "admin:desk_privacy_holds",
        )

    def _holds(self, request: StaffRequest, context: dict[str, Any]) -> HttpResponse:
        rows = LegalHold.objects.select_related("person", "placed_by", "released_by").order_by("-placed_at", "-id")
        context |= {
            "in_force": [(hold, link_to(hold.person)) for hold in rows.in_force()[:SHOWN]],
            "over": rows.filter(released_at__isnull=False)[:SHOWN],
            "may_place": request.console.may("privacy.add_legalhold"),
            "may_release": request.console.may("privacy.release_legalhold"),
        }
        return self._tab(request, "holds", context, _("Legal holds"))

    def retention(self, request: StaffRequest) -> HttpResponse:
        return self._answer(
            request,
            self._retention,
            {"set": ("privacy.change_retentionperiod", self._set)},
            "admin:desk_privacy_retention",
        )

    def _retention(self, request: StaffRequest, context: dict[str, Any]) -> HttpResponse:
        rows = {row.kind: row for row in RetentionPeriod.objects.all()}
        context |= {
            "periods": [
                {
                    "kind": kind,
                    "label": Kept(kind).label,
                    "days": days,
                    "version": version_of(rows[kind]) if kind in rows else 0,
                }
                for kind, days in schedule().items()
            ],
            "longest": LONGEST,
            "may_set": request.console.may("privacy.change_retentionperiod"),
            "timeline": changes_in([RetentionPeriod.history.all()]),
        }
        return self._tab(request, "retention", context, _("Retention schedule"))

    def _tab(self, request: StaffRequest, name: str, context: dict[str, Any], title: str) -> HttpResponse:
        context |= {
            "here": name,
            "sees_holds": request.console.may("privacy.view_legalhold"),
            "sees_retention": request.console.may("privacy.view_retentionperiod"),
        }
        return self.page(request, f"privacy/{name}.html", context, title=title)

    def certificate(self, request: StaffRequest, erasure_id: int) -> HttpResponse:
        """The certificate of an erasure as a file; it names no user."""
        erasure = Erasure.objects.filter(pk=erasure_id, status=Erasure.Status.DONE).first()
        if erasure is None:
            raise Http404
        response = JsonResponse(certificate_of(erasure), json_dumps_params={"indent": 2})
        response["Content-Disposition"] = f'attachment; filename="erasure-{erasure.reference}.json"'
        return response

    # --- Actions ------------------------------------------------------------------------------------------------------

    def _answer(
        self,
        request: StaffRequest,
        page: Callable[[StaffRequest, dict[str, Any]], HttpResponse],
        actions: dict[str, tuple[str, Callable[[StaffRequest], str]]],
        address: str,
    ) -> HttpResponse:
        """The page; by POST the action that the form names, and the page again with what was wrong."""
        if request.method != "POST":
            return page(request, {})
        first, *_rest = actions.values()
        permission, action = actions.get(request.POST.get("action", ""), (first[0], None))
        if not (decision := request.console.may(permission)):
            raise PermissionDenied(decision.sentence)
        if action is None:
            raise Http404

        def act(request: StaffRequest) -> HttpResponse:
            try:
                said = action(request)
            except Refused:
                raise
            except DomainError as error:
                sent = {"error": error, "posted": request.POST, "failed": request.POST.get("action")}
                return with_status(page(request, sent), error)
            messages.success(request, said)
            return HttpResponseRedirect(reverse(address))

        return recently_confirmed(act)(request)

    def _order(self, request: StaffRequest) -> str:
        erasure = order_erasure(request.user, _person(request), reason=request.POST.get("reason", ""))
        return _("The erasure of %(name)s is scheduled. It can be cancelled until then.") % {"name": erasure.person}

    def _cancel(self, request: StaffRequest) -> str:
        erasure = cancel_erasure(request.user, parse_id(request.POST.get("id", "")))
        return _("The erasure of %(name)s is cancelled.") % {"name": erasure.person}

    def _place(self, request: StaffRequest) -> str:
        hold = place_hold(request.user, _person(request), reason=request.POST.get("reason", ""))
        return _("All data of %(name)s is kept until the hold is released.") % {"name": hold.person}

    def _release(self, request: StaffRequest) -> str:
        hold = release_hold(request.user, parse_id(request.POST.get("id", "")), reason=request.POST.get("reason", ""))
        return _("The legal hold on %(name)s is released.") % {"name": hold.person}

    def _set(self, request: StaffRequest) -> str:
        text = request.POST.get("days", "").strip()
        period = set_period(
            request.user,
            request.POST.get("kind", ""),
            days=None if not text else parse_id(text) or -1,
            version=parse_id(request.POST.get("version", "")) or 0,
        )
        return _("%(kind)s: the period is set.") % {"kind": period}


def _person(request: StaffRequest) -> int:
    """The id of the user named in the form. Raises `Absent`; `Refused` is left to the services."""
    person = User.objects.named(request.POST.get("person", "")).first()
    if person is None:
        raise Absent("not-found", _("No user has this user name. Check the spelling."), field="person")
    return person.pk
