"""The sections of the menu and the tables in each, as data."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Entry(NamedTuple):
    title: str | Promise
    icon: str
    model: str


SECTIONS: tuple[tuple[str | Promise, tuple[Entry, ...]], ...] = (
    (
        _("Users"),
        (
            Entry(_("Documents"), "badge", "users.Document"),
            Entry(_("Users"), "group", "users.User"),
            Entry(_("Profiles"), "account_circle", "users.Profile"),
        ),
    ),
    (_("Stories"), (Entry(_("Stories"), "web_stories", "stories.Story"),)),
    (_("Events"), (Entry(_("Events"), "event", "events.Event"),)),
    (_("Chat"), (Entry(_("Messages"), "chat", "chat.Message"),)),
    (_("Moderation"), (Entry(_("Reports"), "flag", "moderation.Report"),)),
    (_("Connections"), (Entry(_("Connections"), "handshake", "connections.Connection"),)),
    (_("Notifications"), (Entry(_("Notifications"), "notifications", "notifications.Notification"),)),
    (
        _("Authentication"),
        (
            Entry(_("Groups"), "shield_person", "auth.Group"),
            Entry(_("Users"), "manage_accounts", "users.Staff"),
            Entry(_("Sessions"), "devices", "users.Session"),
        ),
    ),
)
