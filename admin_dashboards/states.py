"""States as staff see them: an icon and a word, and only then a colour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from unfold.decorators import display

from apps.chat.models import Message
from apps.connections.models import Connection
from apps.events.models import Event
from apps.stories.models import Story
from apps.users.models import Document, User

TONES = {
    "neutral": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
    "good": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "wait": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "bad": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
}


def label(icon: str, word: str | Promise, tone: str = "neutral") -> SafeString:
    """`icon` is the name of a Material symbol, `tone` one of TONES."""
    return format_html(
        '<span class="inline-block font-semibold h-6 leading-6 px-2 rounded-default text-[11px] whitespace-nowrap {}">'
        '<span class="material-symbols-outlined text-sm -ml-0.5 mr-0.5 align-[-3px]" aria-hidden="true">{}</span>'
        "{}</span>",
        TONES[tone],
        icon,
        word,
    )


def moment(time: datetime | None) -> str:
    """A time in a column: without its year in this year, exact on hover."""
    if time is None:
        return "–"
    local = timezone.localtime(time)
    form = "j M H:i" if local.year == timezone.localtime().year else "j M Y"
    return format_html(
        '<time class="moment" datetime="{}" title="{}">{}</time>',
        time.isoformat(timespec="seconds"),
        date_format(local, "DATETIME_FORMAT"),
        date_format(local, form),
    )


def time_column(field: str, description: str | Promise) -> Callable[[Any, Any], str]:
    """A column with the time of `field`, by which the table is ordered, too."""

    @display(description=description, ordering=field)
    def column(_table: Any, row: Any) -> str:
        return moment(getattr(row, field))

    return column


# --- The states of what the console shows -----------------------------------------------------------------------------

DOCUMENT_STATES = {
    Document.Status.PENDING: ("hourglass_top", "wait"),
    Document.Status.APPROVED: ("check_circle", "good"),
    Document.Status.REJECTED: ("cancel", "bad"),
}
CONNECTION_STATES = {"pending": ("schedule", "wait"), "accepted": ("handshake", "good"), "rejected": ("block", "bad")}


def account_state(user: User) -> SafeString:
    """Whether the user can sign in and act: deactivated, suspended or active."""
    if not user.is_active:
        return label("block", _("Deactivated"), "bad")
    if user.is_suspended:
        return label("pause_circle", _("Suspended"), "bad")
    return label("person", _("Active"), "good")


def verification_state(user: User) -> SafeString:
    """Whether the user's identity is verified."""
    if user.identity_verified:
        return label("verified", _("Verified"), "good")
    return label("help", _("Not verified"))


def document_state(document: Document, *, with_reason: bool = False) -> SafeString:
    """Pending, approved or rejected; `with_reason` names the rejection reason, too."""
    icon, tone = DOCUMENT_STATES[Document.Status(document.status)]
    text = document.get_status_display()
    if with_reason and document.reason:
        text = f"{text}: {document.get_reason_display()}"
    return label(icon, text, tone)


def story_state(story: Story) -> SafeString:
    """Removed by staff, deleted by its author, expired or active."""
    if story.removed_at:
        return _removed()
    if story.deleted_at:
        return label("delete", _("Deleted by author"))
    if story.expires_at <= timezone.now():
        return label("schedule", _("Expired"))
    return label("visibility", _("Active"), "good")


def event_state(event: Event, *, role: str = "") -> SafeString:
    """Removed, cancelled, or its time: past, ongoing, upcoming; in place of its time a user's `role` in it if given."""
    now = timezone.now()
    if event.removed_at:
        return _removed()
    if event.status == Event.Status.CANCELLED:
        return label("event_busy", _("Cancelled"), "wait")
    if role:
        return label("event_available", role)
    if event.ends_at <= now:
        return label("history", _("Past"))
    if event.date <= now:
        return label("play_circle", _("Ongoing"), "good")
    return label("event_upcoming", _("Upcoming"))


def message_state(message: Message) -> SafeString:
    """Removed or sent."""
    return _removed() if message.removed_at else label("chat", _("Sent"))


def connection_state(connection: Connection) -> SafeString:
    """Pending, accepted or rejected."""
    icon, tone = CONNECTION_STATES[connection.status]
    return label(icon, connection.get_status_display(), tone)


def _removed() -> SafeString:
    return label("visibility_off", _("Removed"), "bad")
