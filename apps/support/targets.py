"""What support can ask about: a kind of target, with the policy and the account checks that the API applies to it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Model
from django.utils.translation import gettext_lazy

from apps.chat.models import Message
from apps.chat.permissions import message_policy
from apps.connections.models import Connection
from apps.connections.permissions import policy as connection_policy
from apps.events.models import Event
from apps.events.permissions import policy as event_policy
from apps.notifications.models import Notification
from apps.notifications.permissions import policy as notification_policy
from apps.stories.models import Story
from apps.stories.permissions import feed_policy
from apps.stories.permissions import policy as story_policy
from apps.users.models import User
from apps.users.permissions import MAY_SIGN_IN, NOT_SUSPENDED, VERIFIED, AccountCheck, directory_entry, profile_page
from apps.visibility.policy import PolicyFor, Text

CREATED_AT: dict[type[Model], str] = {Message: "sent_at", Notification: "created_at"}
"""Models without a history of what is checked; their rows never change in that."""


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of object whose visibility can be explained."""

    model: type[Model]
    name: Text
    policy: PolicyFor
    account_checks: tuple[AccountCheck, ...] = (MAY_SIGN_IN, NOT_SUSPENDED)
    """What the calls that show it ask of the viewer's account."""
    listing: PolicyFor | None = None
    """Who finds it in its list, where not all who may see it do."""
    list_name: Text = ""


TARGETS: dict[str, Target] = {
    "connection": Target(Connection, gettext_lazy("connection request"), connection_policy),
    "story": Target(Story, gettext_lazy("story"), story_policy, listing=feed_policy, list_name=gettext_lazy("feed")),
    "event": Target(Event, gettext_lazy("event"), event_policy),
    "message": Target(Message, gettext_lazy("message"), message_policy, (MAY_SIGN_IN, NOT_SUSPENDED, VERIFIED)),
    "notification": Target(Notification, gettext_lazy("notification"), notification_policy),
    "profile": Target(
        User,
        gettext_lazy("profile"),
        profile_page,
        listing=directory_entry,
        list_name=gettext_lazy("directory"),
    ),
}
