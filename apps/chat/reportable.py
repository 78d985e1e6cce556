"""Messages as what can be reported, and whom a user has met in chat."""

from __future__ import annotations

from django.db.models import Q

from apps.chat.models import Membership, Message
from apps.chat.permissions import message_policy
from apps.review.reportable import ReportableContent
from apps.users.models import User


class MessageContent(ReportableContent):
    """A message. Staff read it only after they have given a reason."""

    model = Message
    policy = staticmethod(message_policy)
    author_field = "sender"
    text_fields = ("text",)
    remove_permission = "chat.delete_message"
    is_masked = True

    def visible_before_block(self, viewer: User) -> Q:
        return Q(id__isnull=False)  # all that were sent to a room of theirs


CONTENT = MessageContent()


def met_users(viewer: User) -> Q:
    """Those who share a room with `viewer`."""
    rooms = Membership.objects.filter(user=viewer).values("room")
    return Q(id__in=Membership.objects.filter(room__in=rooms).values("user"))
