"""Investigate: one search, one page about a user, and why they see an object or not. Read-only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Model
from django.forms import Media
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.context import StaffRequest, refuse_other_sites
from admin_dashboards.desk import Desk
from admin_dashboards.links import link_to
from admin_dashboards.registry import register_desk
from admin_dashboards.reveals import masked_field
from admin_dashboards.states import account_state
from admin_dashboards.support.as_seen import panels
from admin_dashboards.support.person import of_other, sections, summary
from admin_dashboards.timeline import timeline
from apps.access import may
from apps.connections.models import Connection
from apps.errors import Absent, Invalid
from apps.events.models import Event
from apps.infra.ids import parse_id
from apps.review.reveals import ration_of, reveals_today
from apps.stories.models import Story
from apps.support.evidence import Evidence
from apps.support.explain_visibility import ExplainedCheck, explain
from apps.support.search import SHORTEST_PHONE_END, Found, find, is_short_phone
from apps.support.targets import TARGETS
from apps.users.accounts.access_log import record_account_view, record_impersonation, record_search_hit
from apps.users.models import Block, User

LONGEST_SEARCH = 300
STATES = {True: ("passed", "check_circle", gettext_lazy("yes")), False: ("failed", "cancel", gettext_lazy("no"))}
THEIRS: dict[type[Model], tuple[str, ...]] = {
    Connection: ("sender", "receiver"),
    Block: ("blocker", "blocked"),
    Story: ("author",),
    Event: ("host",),
}
"""What belongs to a person's timeline, by the fields that name them."""
UNREACHED = ("unreached", "remove", gettext_lazy("not reached"))
NOT_APPLICABLE = ("unreached", "remove", gettext_lazy("not applicable"))


@register_desk
class SupportDesk(Desk):
    slug = "support"
    title: ClassVar[str | Promise] = gettext_lazy("Investigate")
    icon = "person_search"
    permission = "users.investigate_user"
    order = 50
    media = Desk.media + Media(css={"all": ["admin_dashboards/support.css"]}, js=["admin_dashboards/support.js"])

    def get_urls(self) -> list[URLPattern]:
        return [
            path("", self.view(self.index), name="desk_support"),
            path("<int:person_id>/", self.view(self.person), name="desk_support_person"),
            path("<int:person_id>/pick/", self.view(self.pick), name="desk_support_pick"),
            path("<int:person_id>/why/<slug:kind>/<int:thing_id>/", self.view(self.why), name="desk_support_why"),
            path("<int:person_id>/as_seen/", self.view(self.as_seen, posts=True), name="desk_support_as_seen"),
        ]

    # --- Finding ----------------------------------------------------------------------------------------------------

    def index(self, request: StaffRequest) -> HttpResponse:
        term = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
        hits = [hit for hit in map(_hit, _find(request, term)) if hit["address"]]
        if len(hits) == 1:
            return HttpResponseRedirect(hits[0]["address"])
        return self.page(
            request,
            "support/index.html",
            {"term": term, "found": hits, "short_phone": is_short_phone(term) and SHORTEST_PHONE_END},
        )

    def pick(self, request: StaffRequest, person_id: int) -> HttpResponse:
        """Choose an object of another user, to explain whether this user sees it."""
        person = _opened(request, person_id)
        term = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
        found = _find(request, term, besides=person)
        if len(found) == 1 and found[0].kind:
            return HttpResponseRedirect(_why(person, found[0].kind, found[0].target_id))
        others = [hit.person for hit in found if hit.person is not None]
        chosen = request.GET.get("of", "")
        other = next((one for one in others if str(one.pk) == chosen), others[0] if others else None)
        context = {
            "person": person,
            "term": term,
            "other": other,
            "others": others,
            "lines": of_other(person, other) if other else [],
        }
        return self.page(request, "support/pick.html", context)

    # --- One person -------------------------------------------------------------------------------------------------

    def person(self, request: StaffRequest, person_id: int) -> HttpResponse:
        person = _opened(request, person_id)
        context = {
            "person": person,
            "summary": summary(person),
            "mail": masked_field(request, person, "email"),
            "phone": masked_field(request, person, "phone"),
            "revealed": reveals_today(request.user),
            "ration": ration_of(request.user),
            "sections": sections(person),
            "timeline": timeline(person, request, also=[person.profile], among=THEIRS),
            "profile": link_to(person, _("Account and profile")),
            "may_look_as": bool(may(request.user, "users.look_as_user", person)),
        }
        return self.page(request, "support/person.html", context)

    def why(self, request: StaffRequest, person_id: int, kind: str, thing_id: int) -> HttpResponse:
        """Explain whether the user sees the object, now or at a past time."""
        person = _opened(request, person_id)
        if kind not in TARGETS:
            raise Absent("not-found", _("Unknown type. Choose one from the page of the user."))
        at, error = _time(request.GET.get("at", ""))
        try:
            explained = explain(person.pk, kind, thing_id, at=at)
        except (Absent, Invalid) as refusal:
            at, error = None, str(refusal)
            explained = explain(person.pk, kind, thing_id)
        context = {
            "person": person,
            "kind": kind,
            "thing_id": thing_id,
            "thing_name": f"{TARGETS[kind].name} #{thing_id}",
            "explanation": explained,
            "steps": [_step(answer) for answer in explained.checks if answer.decides],
            "besides": [_step(answer) for answer in explained.checks if not answer.decides],
            "remarks": [_sentence(fact) for fact in explained.remarks],
            "at": at,
            "at_error": error,
            "now": timezone.now(),
            "zone": timezone.get_current_timezone_name(),
            "may_look_as": bool(may(request.user, "users.look_as_user", person)),
        }
        return self.page(request, "support/why.html", context)

    def as_seen(self, request: StaffRequest, person_id: int) -> HttpResponse:
        """The API's own answers to the user, for a reason that the user can read."""
        person = _client(person_id)
        context: dict[str, Any] = {"person": person, "answers": None, "reason": "", "error": ""}
        title = _("View as %(name)s") % {"name": person.username}
        if request.method != "POST":
            return self.page(request, "support/as_seen.html", context, title=title)
        reason = request.POST.get("reason", "")
        try:
            person = record_impersonation(request.user, person.pk, reason=reason)
        except Invalid as error:
            response = self.page(
                request, "support/as_seen.html", context | {"reason": reason, "error": str(error)}, title=title
            )
            response.status_code = 422
            return response
        context["answers"] = panels(
            person,
            base=request.build_absolute_uri("/").rstrip("/"),
            kind=request.POST.get("kind", ""),
            thing_id=parse_id(request.POST.get("id", "")),
        )
        return self.page(request, "support/as_seen.html", context, title=title)


def _find(request: StaffRequest, term: str, besides: User | None = None) -> list[Found]:
    """The matches `besides` a user; a match by masked data is logged, because it confirms the data."""
    found = [hit for hit in find(term) if hit.person is None or hit.person != besides]
    for hit in found:
        if hit.person is not None and hit.field:
            refuse_other_sites(request)
            record_search_hit(request.user, hit.person, field=hit.field)
    return found


def _client(person_id: int) -> User:
    person = User.objects.clients().select_related("profile").filter(pk=person_id).first()
    if person is None:
        raise Absent(
            "not-found",
            _("No app user has this ID, and staff accounts are not in Investigate. Search for the user again."),
        )
    return person


def _opened(request: StaffRequest, person_id: int) -> User:
    """The user, whose data the page shows: the view is logged, and shown to them."""
    person = _client(person_id)
    refuse_other_sites(request)
    record_account_view(request.user, person)
    return person


def _time(text: str) -> tuple[datetime | None, str]:
    """The entered time, in the viewer's time zone, and the error where it is none."""
    if not text:
        return None, ""
    try:
        time = parse_datetime(text)
    except ValueError:
        time = None
    if time is None or not 1900 <= time.year < 3000:
        return None, _("Enter a time such as 2026-01-31 14:05.")
    return (time if time.tzinfo else timezone.make_aware(time)), ""


def _why(person: User, kind: str, thing_id: int) -> str:
    return reverse("admin:desk_support_why", args=[person.pk, kind, thing_id])


def _address_of(hit: Found) -> str:
    """The address it leads to; empty for a deleted object."""
    if hit.person is not None:
        return reverse("admin:desk_support_person", args=[hit.person.pk])
    owner = _owner_of(hit)
    return _why(owner, hit.kind, hit.target_id) if owner else ""


def _owner_of(hit: Found) -> User | None:
    """The user whom the object concerns first."""
    row: Any = TARGETS[hit.kind].model._default_manager.filter(pk=hit.target_id).first()
    if row is None:
        return None
    name = {"connection": "receiver", "story": "author", "event": "host", "message": "sender"}.get(
        hit.kind, "recipient"
    )
    owner: User = getattr(row, name)
    return None if owner.is_staff else owner


def _hit(hit: Found) -> dict[str, Any]:
    if hit.person is not None:
        state: str | SafeString = account_state(hit.person)
        return {"name": hit.person.username, "how": hit.how, "state": state, "address": _address_of(hit)}
    return {"name": f"{TARGETS[hit.kind].name} #{hit.target_id}", "how": hit.how, "address": _address_of(hit)}


def _step(answer: ExplainedCheck) -> dict[str, Any]:
    state, icon, word = (
        (UNREACHED if answer.applies else NOT_APPLICABLE) if answer.passed is None else STATES[answer.passed]
    )
    details = [_sentence(fact) for fact in answer.evidence]
    if answer.fixable_by:
        details.append(answer.fixable_by)
    return {"state": state, "icon": icon, "word": word, "question": answer.question, "details": details}


def _sentence(fact: Evidence) -> str:
    """The sentence; where the one who asks may follow it, it leads to the row."""
    return link_to(fact.row, fact.sentence) if isinstance(fact.row, Model) else fact.sentence
