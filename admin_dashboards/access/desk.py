"""The access desk: who was granted what, what needs attention, and why a user has a permission or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.access.audit_log.export import audit_export
from admin_dashboards.access.audit_log.page import audit_page, may_see
from admin_dashboards.access.audit_log.proofs import audit_proof, may_prove, may_see_state, state_page
from admin_dashboards.access.explain import explain, question_context
from admin_dashboards.access.overview import Rejected, overview
from admin_dashboards.access.revocable import revocable
from admin_dashboards.context import StaffRequest
from admin_dashboards.desk import Desk, Opens
from admin_dashboards.errors import with_status
from admin_dashboards.links import AUDIT_LOG
from admin_dashboards.registry import register_desk
from admin_dashboards.sign_in.reauth import recently_confirmed
from apps.access import require
from apps.errors import Absent, DomainError, Invalid, Refused
from apps.infra.ids import parse_id
from apps.review.reveals import RATION
from apps.users.authentication.mfa_resets import ask_reset, confirm_reset
from apps.users.models import GroupMembership, User
from apps.users.staff.accounts import remove_from_group
from apps.users.staff.object_grants import revoke_on_row
from apps.users.staff.reveals import allow_reveals


@register_desk
class AccessDesk(Desk):
    slug = "access"
    title: ClassVar[str | Promise] = gettext_lazy("Access")
    icon = "key"
    permission = "users.change_staff"
    order = 40

    def get_urls(self) -> list[URLPattern]:
        return [
            path("", self.view(self.index), name="desk_access"),
            path("audit/", self.view(partial(audit_page, self), opens=may_see), name="desk_access_audit"),
            path("audit/export/", self.view(audit_export, posts=True, opens=may_see), name="desk_access_audit_export"),
            path(
                "audit/state/",
                self.view(partial(state_page, self), opens=may_see_state),
                name="desk_access_audit_state",
            ),
            path("audit/proof/", self.view(audit_proof, posts=True, opens=may_prove), name="desk_access_audit_proof"),
            path("explain/", self.view(self.explain), name="desk_access_explain"),
            path("revoke/", self.view(self.revoke, posts=True), name="desk_access_revoke"),
            path("reset/", self.view(self.ask_reset, posts=True), name="desk_access_reset"),
            path("reveals/", self.view(self.allow_reveals, posts=True), name="desk_access_reveals"),
            path("reset/<int:reset_id>/", self.view(self.confirm_reset, posts=True), name="desk_access_confirm"),
        ]

    @property
    def places(self) -> Mapping[str, Opens]:
        return {**super().places, AUDIT_LOG: may_see}

    def may_share_filters(self, request: StaffRequest) -> bool:
        return self.may_open(request)

    # --- Views --------------------------------------------------------------------------------------------------------

    def index(self, request: StaffRequest) -> HttpResponse:
        return self._page(request, Rejected())

    def _page(self, request: StaffRequest, rejected: Rejected) -> HttpResponse:
        context = overview(request, rejected) | {"sees_privacy": request.console.may("privacy.view_erasure")}
        return self.page(request, "access/desk.html", context)

    def _rejected(self, request: StaffRequest, error: DomainError, form: str = "", field: str = "") -> HttpResponse:
        """The desk again, with the form as it was sent and the error at its field."""
        if isinstance(error, Refused) and error.code == "permission-missing":
            raise error
        page = self._page(request, Rejected(form, request.POST, str(error), error.field or field))
        return with_status(page, error)

    def explain(self, request: StaffRequest) -> HttpResponse:
        context = question_context(request)
        status = 200
        try:
            context["explanation"] = explain(request.GET)
        except Invalid as error:
            context |= {"error": str(error), "error_field": error.field}
            status = 422 if request.GET else 200
        response = self.page(request, "access/explain.html", context, title=_("Check a permission"))
        response.status_code = status
        return response

    # --- Actions ------------------------------------------------------------------------------------------------------

    def revoke(self, request: StaffRequest) -> HttpResponse:
        """Revoke one membership or one permission on a row, by its key."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return recently_confirmed(self._answering(self._revoke))(request)

    def _answering(self, action: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """`action`, of a button without fields; answers with the desk and the error at its top where it is rejected."""

        def answer(request: StaffRequest, *args: Any) -> HttpResponse:
            try:
                return action(request, *args)
            except DomainError as error:
                return self._rejected(request, error)

        return answer

    def _revoke(self, request: StaffRequest) -> HttpResponse:
        kind, _colon, number = request.POST.get("key", "").partition(":")
        given = revocable(kind, parse_id(number))
        reason = request.POST.get("reason", "").strip()
        actor: Any = request.user
        if isinstance(given, GroupMembership):
            remove_from_group(actor, given.user_id, given.group_id)
            said = _("%(name)s is no longer in “%(what)s”.") % {"name": given.user, "what": given.group}
        else:
            row = given.model(pk=given.row.content_object_id)
            revoke_on_row(actor, given.row.user, given.perm, row, reason=reason)
            said = _("Revoked from %(name)s.") % {"name": given.row.user}
        messages.success(request, said)
        return HttpResponseRedirect(self.address)

    def allow_reveals(self, request: StaffRequest) -> HttpResponse:
        """Allow a user as many reveals again today."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        require(request.user, "desk.allow_reveals")
        return recently_confirmed(self._allow_reveals)(request)

    def _allow_reveals(self, request: StaffRequest) -> HttpResponse:
        number = parse_id(request.POST.get("person", ""))
        try:
            allowed = allow_reveals(request.user, number, reason=request.POST.get("reason", ""))
        except DomainError as error:
            return self._rejected(request, error, "reveals", "reason")
        said = _("%(name)s may reveal %(n)d more within a day.")
        messages.success(request, said % {"name": allowed.staff, "n": RATION})
        return HttpResponseRedirect(self.address)

    def ask_reset(self, request: StaffRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return recently_confirmed(self._ask_reset)(request)

    def _ask_reset(self, request: StaffRequest) -> HttpResponse:
        try:
            require(request.user, "users.reset_mfa")
            person = User.objects.named(request.POST.get("person", "")).first()
            if person is None:
                raise Absent("not-found", _("No user has this user name. Check the spelling."), field="person")
            reset = ask_reset(request.user, person.pk, reason=request.POST.get("reason", ""))
        except DomainError as error:
            return self._rejected(request, error, "reset", "person")
        said = _("MFA reset of %(name)s requested. A second person has to confirm it within 24 hours.")
        messages.success(request, said % {"name": reset.user})
        return HttpResponseRedirect(self.address)

    def confirm_reset(self, request: StaffRequest, reset_id: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return recently_confirmed(self._answering(self._confirm_reset))(request, reset_id)

    def _confirm_reset(self, request: StaffRequest, reset_id: int) -> HttpResponse:
        reset = confirm_reset(request.user, reset_id)
        said = _("MFA of %(name)s is reset; all their sessions have ended.") % {"name": reset.user}
        messages.success(request, said)
        return HttpResponseRedirect(self.address)
