"""As they see it: the API's answers to one person, made readable, beside what staff see of the same things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from admin_dashboards.labels import label
from admin_dashboards.masking import mask_mail, mask_name, mask_phone, mask_text
from admin_dashboards.support.person import Line, sections
from api import as_seen
from apps.users.models import User

MASKED = {"email": mask_mail, "phone": mask_phone, "message": mask_text, "legal_name": mask_name}
"""Fields of the API's answers that stay masked, by name."""
RESOURCES = {"story": "stories", "event": "events", "message": "chat", "profile": "users/profile"}
"""Under which address the API keeps one thing of a kind; the others are found in their lists only."""
OWN_SECTION = {
    "/api/connections": "connections",
    "/api/notifications": "notifications",
    "/api/chat/rooms": "rooms",
    "/api/stories/my_stories": "stories",
    "/api/events": "events",
    "/api/users/verify": "documents",
    "/api/users/auth/sessions": "sessions",
    "/api/strikes": "strikes",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """One call: what it answered them, and what staff know of the same."""

    path: str
    summary: str
    state: SafeString
    count: int | None
    """Of a list, how many there are for them."""
    body: SafeString
    staff: list[Line]
    open: bool
    """Whether it is what the look is about."""


def panels(person: User, *, base: str, kind: str = "", thing_id: int = 0) -> list[Panel]:
    """Every call that reads without an id, and those about one thing, these first."""
    about = as_seen.one_thing(RESOURCES[kind], thing_id) if kind in RESOURCES else []
    known = {section.slug: section.lines for section in sections(person)}
    answers = as_seen.answers_for(person, [*about, *as_seen.lists()], base=base)
    return [
        Panel(
            path=answer.path,
            summary=answer.summary,
            state=label("check_circle", str(answer.status), "good")
            if answer.status < 400
            else label("block", str(answer.status), "bad"),
            count=answer.body.get("count") if isinstance(answer.body, dict) else None,
            body=readable(answer.body),
            staff=known.get(OWN_SECTION.get(answer.path, ""), []),
            open=answer.path in about,
        )
        for answer in answers
    ]


def readable(value: Any, name: str = "") -> SafeString:
    """JSON as people read it, without what stays masked."""
    if isinstance(value, dict):
        rows = ((key, readable(part, key)) for key, part in value.items())
        return format_html(
            '<dl class="support-json">{}</dl>', format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", rows)
        )
    if isinstance(value, list):
        if not value:
            return format_html('<span class="text-subtle">{}</span>', _("none"))
        items = ((readable(part, name),) for part in value)
        return format_html('<ol class="support-json-list">{}</ol>', format_html_join("", "<li>{}</li>", items))
    if isinstance(value, str) and name in MASKED:
        return format_html("{}", MASKED[name](value))
    if value is None or value == "":
        return format_html('<span class="text-subtle">{}</span>', "–")
    if isinstance(value, bool):
        return format_html("{}", _("yes") if value else _("no"))
    return format_html("{}", value)
