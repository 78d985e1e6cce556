"""The overview of the access desk: staff, what ends or is unused, MFA resets, reveals and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Max
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from admin_dashboards.access.audit_log.page import may_see
from admin_dashboards.access.explain import question_context
from admin_dashboards.access.revocable import RevokeKeys, ending, unused
from admin_dashboards.context import StaffRequest
from admin_dashboards.devices import device_of
from admin_dashboards.links import AUDIT_LOG, link_to
from admin_dashboards.tables.search import SHORTEST_PART
from apps.access import may
from apps.infra.ids import parse_id
from apps.users.accounts.alerts import alerts
from apps.users.accounts.guards import access_administrators, is_protected_superuser
from apps.users.authentication import console_sessions
from apps.users.models import MFA_RESET_LIFETIME, MfaReset, Session, User
from apps.users.staff.access_review import staff_access
from apps.users.staff.reveals import reveal_figures

SHOWN = 50
"""How many lines a part of the page has at most."""
SESSIONS_SHOWN = 10
LONGEST_SEARCH = 150


@dataclass(frozen=True, slots=True)
class Rejected:
    """A form of the desk that was rejected: the input, and the reason at its field."""

    form: str = ""
    """The last part of the address that it was sent to; empty where the page has no place for it."""
    sent: QueryDict | None = None
    error: str = ""
    field: str = ""


def overview(request: StaffRequest, rejected: Rejected) -> dict[str, Any]:
    """The context of the page; with the form that was rejected, if there is one."""
    accounts = staff_access()
    keys = RevokeKeys(request)
    seen = dict(
        Session.objects.filter(door=Session.EntryPoint.CONSOLE, user__in=[each.person for each in accounts])
        .values_list("user")
        .annotate(latest=Max("last_seen_at"))
    )
    ends = sorted(ending(accounts, keys), key=lambda line: line.until)
    idle = list(unused(accounts, keys))
    actor: Any = request.user
    may_reset = bool(may(actor, "users.reset_mfa"))
    administrators = list(access_administrators().order_by("username")[:SHOWN])
    return {
        "staff": [
            {
                "access": each,
                "name": link_to(each.person),
                "seen": seen.get(each.person.pk),
            }
            for each in accounts[:SHOWN]
        ],
        "staff_count": len(accounts),
        "pairs": [(link_to(each.person), each.pairs) for each in accounts if each.pairs][:SHOWN],
        "ending": ends[:SHOWN],
        "ending_count": len(ends),
        "unused": idle[:SHOWN],
        "unused_count": len(idle),
        "access_administrators": [link_to(person) for person in administrators],
        "superusers": any(each.person.is_superuser for each in accounts),
        "resets": _resets(request) if may_reset else [],
        "may_reset": may_reset,
        "alerts": list(alerts()[:SHOWN]),
        "may_allow": bool(may(actor, "desk.allow_reveals")),
        "reveals": _reveals(request, rejected) if may(actor, "desk.allow_reveals") else [],
        "zone": timezone.get_current_timezone_name(),
        "now": timezone.now(),
        "rejected": rejected,
        "audit_address": reverse(AUDIT_LOG) if may_see(request) else "",
        **_sessions(request),
        **question_context(request),
    }


def _sessions(request: StaffRequest) -> dict[str, Any]:
    """The live sessions of staff at the console, or those of the users whose names the viewer searches for."""
    actor: Any = request.user
    sees_sessions = bool(may(actor, "users.view_session") or may(actor, "users.end_session"))
    live = Session.objects.live().filter(door=Session.EntryPoint.CONSOLE, user__is_staff=True).select_related("user")
    live = live if sees_sessions else live.none()
    term = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    named = User.objects.staff().with_name_part(term, at_start=len(term) < SHORTEST_PART)
    found = live.filter(user__in=named) if term else live
    latest = list(found.order_by("-last_seen_at", "-id")[: SESSIONS_SHOWN + 1])
    return {
        "sees_sessions": sees_sessions,
        "sessions": [_session(request, session) for session in latest[:SESSIONS_SHOWN]],
        "more_sessions": len(latest) > SESSIONS_SHOWN,
        "session_count": live.count(),
        "term": term,
    }


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
