"""The access desk: who holds what, what asks for a look, and why somebody may do something or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Max
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from guardian.utils import get_user_obj_perms_model

from admin_dashboards.access.audit_log import audit_export, audit_page, may_see
from admin_dashboards.access.explain import choices, explain
from admin_dashboards.context import StaffRequest
from admin_dashboards.desk import Desk, Opens
from admin_dashboards.devices import device_of
from admin_dashboards.errors import with_status
from admin_dashboards.links import AUDIT_LOG, link_to
from admin_dashboards.registry import register_desk
from admin_dashboards.sign_in.reauth import recently_confirmed
from admin_dashboards.tables.search import SHORTEST_PART
from apps.access import may, models_with_row_grants, require
from apps.errors import Absent, DomainError, Invalid, Refused
from apps.infra.ids import parse_id
from apps.review.reveals import RATION
from apps.users.accounts.alerts import alerts
from apps.users.accounts.guards import access_administrators, access_groups, is_protected_superuser
from apps.users.authentication import console_sessions
from apps.users.authentication.mfa_resets import ask_reset, confirm_reset
from apps.users.models import MFA_RESET_LIFETIME, GroupMembership, MfaReset, Session, User
from apps.users.staff.access_review import Grant, StaffAccess, ends_soon, staff_access
from apps.users.staff.accounts import remove_from_group
from apps.users.staff.object_grants import revoke_on_row
from apps.users.staff.reveals import allow_reveals, reveal_figures

SHOWN = 50
"""How many lines a part of the page has at most."""
SESSIONS_SHOWN = 10
LONGEST_SEARCH = 150


@dataclass(frozen=True, slots=True)
class Line:
    """Something that somebody was given, and how to take it back where the one who looks may."""

    person: User
    what: str | SafeString
    until: Any = None
    since: Any = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A form of the desk that was sent and not taken: what it held, and why, at which field."""

    form: str = ""
    """The last part of the address that it was sent to; empty where the page has no place for it."""
    sent: QueryDict | None = None
    error: str = ""
    field: str = ""


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

    # --- Looking ----------------------------------------------------------------------------------------------------

    def index(self, request: StaffRequest) -> HttpResponse:
        return self._page(request, Rejected())

    def _page(self, request: StaffRequest, rejected: Rejected) -> HttpResponse:
        everybody = staff_access()
        takes_back = TakesBack(request)
        seen = dict(
            Session.objects.filter(door=Session.EntryPoint.CONSOLE, user__in=[each.person for each in everybody])
            .values_list("user")
            .annotate(latest=Max("last_seen_at"))
        )
        ending = sorted(_ending(everybody, takes_back), key=lambda line: line.until)
        unused = list(_unused(everybody, takes_back))
        actor: Any = request.user
        sees_sessions = bool(may(actor, "users.view_session") or may(actor, "users.end_session"))
        live = (
            Session.objects.live().filter(door=Session.EntryPoint.CONSOLE, user__is_staff=True).select_related("user")
        )
        live = live if sees_sessions else live.none()
        term = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
        named = User.objects.staff().with_name_part(term, at_start=len(term) < SHORTEST_PART)
        found = live.filter(user__in=named) if term else live
        latest = list(found.order_by("-last_seen_at", "-id")[: SESSIONS_SHOWN + 1])
        may_reset = bool(may(actor, "users.reset_mfa"))
        kept_by = list(access_administrators().order_by("username")[:SHOWN])
        context = {
            "staff": [
                {
                    "holding": each,
                    "name": link_to(each.person),
                    "seen": seen.get(each.person.pk),
                    "keeps": each.person in kept_by,
                }
                for each in everybody[:SHOWN]
            ],
            "staff_count": len(everybody),
            "pairs": [(link_to(each.person), each.pairs) for each in everybody if each.pairs][:SHOWN],
            "ending": ending[:SHOWN],
            "ending_count": len(ending),
            "unused": unused[:SHOWN],
            "unused_count": len(unused),
            "access_administrators": [link_to(person) for person in kept_by],
            "superusers": any(each.person.is_superuser for each in everybody),
            "resets": self._resets(request) if may_reset else [],
            "may_reset": may_reset,
            "alerts": list(alerts()[:SHOWN]),
            "may_allow": bool(may(actor, "desk.allow_reveals")),
            "reveals": self._reveals(request, rejected) if may(actor, "desk.allow_reveals") else [],
            "sees_sessions": sees_sessions,
            "sessions": [self._session(request, session) for session in latest[:SESSIONS_SHOWN]],
            "more_sessions": len(latest) > SESSIONS_SHOWN,
            "session_count": live.count(),
            "term": term,
            "zone": timezone.get_current_timezone_name(),
            "now": timezone.now(),
            "rejected": rejected,
            "audit_address": reverse(AUDIT_LOG) if may_see(request) else "",
            **self._question(request),
        }
        return self.page(request, "access/desk.html", context)

    def _rejected(self, request: StaffRequest, error: DomainError, form: str = "", field: str = "") -> HttpResponse:
        """The desk again, with the form as it was sent and the error at its field."""
        if isinstance(error, Refused) and error.code == "permission-missing":
            raise error
        page = self._page(request, Rejected(form, request.POST, str(error), error.field or field))
        return with_status(page, error)

    def explain(self, request: StaffRequest) -> HttpResponse:
        context = self._question(request)
        status = 200
        try:
            context["told"] = explain(request.GET)
        except Invalid as error:
            context |= {"error": str(error), "error_field": error.field}
            status = 422 if request.GET else 200
        response = self.page(request, "access/explain.html", context, title=_("Check a permission"))
        response.status_code = status
        return response

    @staticmethod
    def _question(request: StaffRequest) -> dict[str, Any]:
        return {
            "verbs": choices(),
            "names": User.objects.staff().active().order_by("username").values_list("username", flat=True)[:500],
            "asked": {name: request.GET.get(name, "") for name in ("person", "perm", "row")},
        }

    @staticmethod
    def _resets(request: StaffRequest) -> list[dict[str, Any]]:
        since = timezone.now() - MFA_RESET_LIFETIME
        waiting = MfaReset.objects.filter(confirmed_at__isnull=True, asked_at__gt=since)
        return [
            {
                "reset": reset,
                "person": link_to(reset.user),
                "theirs": request.user not in (reset.user, reset.asked_by)
                and not is_protected_superuser(reset.user, request.user),
            }
            for reset in waiting.select_related("user", "asked_by").order_by("asked_at")[:SHOWN]
        ]

    @staticmethod
    def _reveals(request: StaffRequest, rejected: Rejected) -> list[dict[str, Any]]:
        actor: Any = request.user
        again = parse_id(rejected.sent.get("person", "")) if rejected.sent and rejected.form == "reveals" else 0
        return [
            {
                "person": link_to(person),
                "name": person.username,
                "times": times,
                "ration": ration,
                "used_up": times >= ration,
                "rejected": person.pk == again,
                "theirs": person.pk if person.pk != actor.pk and not is_protected_superuser(person, actor) else 0,
            }
            for person, times, ration in reveal_figures()[:SHOWN]
        ]

    @staticmethod
    def _session(request: StaffRequest, session: Session) -> dict[str, Any]:
        actor: Any = request.user
        theirs = may(actor, "users.end_session") and not is_protected_superuser(session.user, actor)
        return {
            "session": session,
            "person": link_to(session.user),
            "device": device_of(session.user_agent),
            "end": reverse("admin:users_session_end", args=[session.pk]) if theirs else "",
            "end_all": reverse("admin:users_session_end_all", args=[session.user_id]) if theirs else "",
            "is_this_one": str(session.key) == request.session.get(console_sessions.SESSION_KEY),
        }

    # --- Actions ------------------------------------------------------------------------------------------------------

    def revoke(self, request: StaffRequest) -> HttpResponse:
        """Take back one membership or one grant on a row, named by the page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return recently_confirmed(self._answering(self._revoke))(request)

    def _answering(self, action: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """`action`, a button without fields, with what it is rejected for at the top of the desk."""

        def answer(request: StaffRequest, *args: Any) -> HttpResponse:
            try:
                return action(request, *args)
            except DomainError as error:
                return self._rejected(request, error)

        return answer

    def _revoke(self, request: StaffRequest) -> HttpResponse:
        kind, _colon, number = request.POST.get("key", "").partition(":")
        given = _given(kind, parse_id(number))
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
        """Let somebody reveal as much again today."""
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


class TakesBack:
    """Whether the one who looks may take something back: where they may not, no button says so."""

    def __init__(self, request: StaffRequest) -> None:
        actor: Any = request.user
        self.actor = actor
        self.kept = set(access_groups().values_list("pk", flat=True))
        self.grants = bool(may(actor, "users.grant_permission"))

    def from_person(self, person: User) -> bool:
        return person.pk != self.actor.pk and not is_protected_superuser(person, self.actor)

    def membership(self, person: User, member: GroupMembership) -> str:
        free = self.actor.is_superuser or member.group_id not in self.kept
        return f"member:{member.pk}" if free and self.from_person(person) else ""

    def grant(self, person: User, grant: Grant) -> str:
        return f"{grant.model._meta.model_name}:{grant.row.pk}" if self.grants and self.from_person(person) else ""


def _ending(everybody: list[StaffAccess], takes_back: TakesBack) -> Any:
    for each in everybody:
        for member in each.memberships:
            if ends_soon(member.ends_at):
                yield _member_line(each, member, takes_back)
        for grant in each.grants:
            if ends_soon(grant.row.ends_at):
                yield _grant_line(each, grant, takes_back)


def _unused(everybody: list[StaffAccess], takes_back: TakesBack) -> Any:
    for each in everybody:
        for member in each.idle_memberships:
            yield _member_line(each, member, takes_back)
        for grant in each.idle_grants:
            yield _grant_line(each, grant, takes_back)


def _member_line(each: StaffAccess, member: GroupMembership, takes_back: TakesBack) -> Line:
    key = takes_back.membership(each.person, member)
    return Line(each.person, member.group.name, member.ends_at, member.begun_at, key)


def _grant_line(each: StaffAccess, grant: Grant, takes_back: TakesBack) -> Line:
    what = f"{grant.row.permission.name} · {grant.target}"
    return Line(each.person, what, grant.row.ends_at, grant.row.begun_at, takes_back.grant(each.person, grant))


def _given(kind: str, number: int) -> GroupMembership | Grant:
    found: GroupMembership | Grant | None
    if kind == "member":
        found = GroupMembership.objects.select_related("user", "group").filter(pk=number).first()
    else:
        found = next(
            (_grant(model, number) for model in models_with_row_grants() if model._meta.model_name == kind), None
        )
    if found is None:
        raise Absent("not-found", _("Already revoked."))
    return found


def _grant(model: Any, number: int) -> Grant | None:
    row = get_user_obj_perms_model(model).objects.select_related("user", "permission").filter(pk=number).first()  # type: ignore[attr-defined]
    return Grant(row, model) if row else None
