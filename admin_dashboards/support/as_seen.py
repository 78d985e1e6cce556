"""View as user: the API's answers to one user, made readable, beside what staff see of the same objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.masking import mask_mail, mask_name, mask_phone, mask_text
from admin_dashboards.states import label
from admin_dashboards.support.lines import Line
from admin_dashboards.support.person import sections
from apps.chat.models import Room
from apps.users.models import User

MASKED = {"email": mask_mail, "phone": mask_phone, "message": mask_text, "legal_name": mask_name}
"""Fields of the API's answers that stay masked, by name."""
TITLES: dict[str, str | Promise] = {
    "count_unread_notifications": gettext_lazy("Unread notifications"),
    "get_data_export": gettext_lazy("Copy of own data"),
    "get_erasure": gettext_lazy("Erasure of the account"),
    "get_event": gettext_lazy("Event"),
    "get_mfa": gettext_lazy("Two-factor state"),
    "get_person": gettext_lazy("Public profile"),
    "get_profile": gettext_lazy("Own profile"),
    "get_story": gettext_lazy("Story"),
    "list_attendees": gettext_lazy("Attendees of the event"),
    "list_connections": gettext_lazy("Connections"),
    "list_events": gettext_lazy("Events"),
    "list_looks_at_me": gettext_lazy("Access log"),
    "list_messages": gettext_lazy("Messages"),
    "list_notifications": gettext_lazy("Notifications"),
    "list_own_appeals": gettext_lazy("Own appeals"),
    "list_own_documents": gettext_lazy("Own documents"),
    "list_own_passkeys": gettext_lazy("Own passkeys"),
    "list_own_reports": gettext_lazy("Own reports"),
    "list_own_sessions": gettext_lazy("Own sessions"),
    "list_own_stories": gettext_lazy("Own stories"),
    "list_own_strikes": gettext_lazy("Own strikes"),
    "list_people": gettext_lazy("Directory of users"),
    "list_rooms": gettext_lazy("Chats"),
    "list_stories": gettext_lazy("Story feed"),
    "list_story_viewers": gettext_lazy("Viewers of the story"),
}
"""What each call of the API shows, by its operation id."""
LONGEST_PAGE = 100
SHORT = 12
"""Values in an answer that is open from the beginning."""
OWN_SECTION = {
    "list_connections": "connections",
    "list_notifications": "notifications",
    "list_rooms": "rooms",
    "list_own_stories": "stories",
    "list_events": "events",
    "list_own_documents": "documents",
    "list_own_sessions": "sessions",
    "list_own_strikes": "strikes",
}
"""The section of the user's page that shows staff the same."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One call: its answer to the user, and what staff see of the same."""

    path: str
    title: str | Promise
    state: SafeString
    count: int | None
    """Of a list, how many there are for them."""
    body: SafeString
    staff: list[Line]
    open: bool
    """Whether it is what was asked about, or too short to be worth a click."""
    anchor: bool
    """Whether the page scrolls to its head; false where it scrolls to a row of it, or to another panel."""


def panels(person: User, *, base: str, kind: str = "", thing_id: int = 0) -> list[Panel]:
    """Every call that reads without an id, and first those that show what was asked about."""
    from api import as_seen

    about = _about(person, kind, thing_id)
    known = {section.slug: section.lines for section in sections(person)}
    asked = {path.partition("?")[0] for path in about}
    paths = [*about, *(path for path in as_seen.lists() if path not in asked)]
    found = []
    for place, answer in enumerate(as_seen.answers_for(person, paths, base=base)):
        row_id = thing_id if place < len(about) and answer.path.partition("?")[0] in LISTED.values() else 0
        found.append(
            Panel(
                path=answer.path,
                title=TITLES.get(answer.operation, answer.operation),
                state=label("check_circle", str(answer.status), "good")
                if answer.status < 400
                else label("block", str(answer.status), "bad"),
                count=answer.body.get("count") if isinstance(answer.body, dict) else None,
                body=readable(answer.body, asked=row_id),
                staff=known.get(OWN_SECTION.get(answer.operation, ""), []),
                open=place < len(about) or _values(answer.body) <= SHORT,
                anchor=place == 0 and bool(about) and not _has_row(answer.body, row_id),
            )
        )
    return found


LISTED = {"connection": "/api/connections", "notification": "/api/notifications", "message": "/api/chat"}
"""What the API shows in a list only."""
ALONE = {"story": "stories", "event": "events"}
"""What it shows by itself, too."""


def _about(person: User, kind: str, thing_id: int) -> list[str]:
    """The calls that would show one object."""
    if kind in ALONE:
        from api import as_seen

        return as_seen.addresses_of(ALONE[kind], thing_id)
    if kind == "profile":
        other = User.objects.clients().filter(pk=thing_id).first()
        return [f"/api/users/profile/{quote(other.username)}"] if other else []
    if kind == "message":
        room = Room.objects.filter(messages__pk=thing_id, memberships__user=person).first()
        return [f"{LISTED[kind]}?room={quote(room.name)}&page_size={LONGEST_PAGE}"] if room else ["/api/chat/rooms"]
    return [f"{LISTED[kind]}?page_size={LONGEST_PAGE}"] if kind in LISTED else []


def _values(body: Any) -> int:
    """How many single values an answer has."""
    if isinstance(body, dict):
        return sum(map(_values, body.values()))
    return sum(map(_values, body)) if isinstance(body, list) else 1


def _has_row(body: Any, row_id: int) -> bool:
    rows = body.get("results", ()) if isinstance(body, dict) else ()
    return bool(row_id) and any(row.get("id") == row_id for row in rows)


def readable(value: Any, name: str = "", *, asked: int = 0) -> SafeString:
    """JSON as HTML, without what stays masked. Of a page of results, the row `asked` about is marked."""
    if isinstance(value, dict) and value.keys() >= PAGE:
        return format_html("{}{}", _rows(value["results"], "results", asked), _rest(value))
    if isinstance(value, dict):
        rows = ((key, readable(part, key)) for key, part in value.items())
        return format_html(
            '<dl class="support-json">{}</dl>', format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", rows)
        )
    if isinstance(value, list):
        return _rows(value, name)
    if isinstance(value, str) and name in MASKED:
        return format_html("{}", MASKED[name](value))
    if value is None or value == "":
        return format_html('<span class="text-subtle">{}</span>', "–")
    if isinstance(value, bool):
        return format_html("{}", _("yes") if value else _("no"))
    return format_html("{}", value)


PAGE = {"count", "next", "previous", "results"}
"""The keys of a page of a list."""
ASKED = SafeString(' id="asked" class="is-asked" aria-current="true"')


def _rows(values: list[Any], name: str, asked: int = 0) -> SafeString:
    if not values:
        return format_html('<span class="text-subtle">{}</span>', _("none"))
    marks = (ASKED if asked and isinstance(part, dict) and part.get("id") == asked else "" for part in values)
    items = ((mark, readable(part, name)) for mark, part in zip(marks, values, strict=True))
    return format_html('<ol class="support-json-list">{}</ol>', format_html_join("", "<li{}>{}</li>", items))


def _rest(page: dict[str, Any]) -> SafeString | str:
    """How much of a list is on the page, where it is not all."""
    if not page["next"]:
        return ""
    said = _("The first %(shown)d of %(count)d.") % {"shown": len(page["results"]), "count": page["count"]}
    return format_html('<p class="text-subtle">{}</p>', said)
