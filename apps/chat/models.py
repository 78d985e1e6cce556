from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Exists, F, OuterRef, Prefetch, Q, Subquery
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access import TimeBoxed
from apps.audit.history import History
from apps.review.removable import Removable, RemovableQuerySet
from apps.users.models import Block

if TYPE_CHECKING:
    from apps.users.models import User

LONGEST_MESSAGE = 4000


def new_room_name() -> str:
    return get_random_string(16, "abcdefghijkmnpqrstuvwxyz23456789")


def direct_key(one_id: int, other_id: int) -> str:
    """The same key for both orders of two users, so that they share one room."""
    low, high = sorted((one_id, other_id))
    return f"{low}:{high}"


class RoomQuerySet(models.QuerySet["Room"]):
    def latest_first(self) -> RoomQuerySet:
        """By their last message; those without one at the end."""
        return self.order_by(F("last_message_at").desc(nulls_last=True), "-id")

    def with_people(self) -> RoomQuerySet:
        """Adds the members, in `memberships`."""
        members = Membership.objects.select_related("user__profile").order_by("id")
        return self.prefetch_related(Prefetch("memberships", members))

    def with_last_message(self, viewer: User) -> RoomQuerySet:
        """Adds `last_messages`: the last one, or none, of rooms in which `viewer` is a member."""
        # Saying whose rooms lets the search begin at these, not at all messages of the rooms. Most rooms have the same
        # few messages: the planner would expect as much of these, and read half of their messages, but for the sum.
        last = Message.objects.filter(room__memberships__user=viewer, seq=F("room__last_seq") + 0).with_names()
        return self.prefetch_related(Prefetch("messages", last, to_attr="last_messages"))

    def with_unread(self, viewer: User) -> RoomQuerySet:
        """Adds `unread`: how many messages are newer than those that `viewer` has read."""
        own = Membership.objects.filter(room=OuterRef("pk"), user_id=viewer.pk)
        return self.annotate(unread=F("last_seq") - Subquery(own.values("read_up_to")))


class Room(models.Model):
    """A conversation. Its name gives no access; membership does."""

    name = models.CharField(_("name"), max_length=64, unique=True, default=new_room_name)
    direct_key = models.CharField(max_length=48, unique=True, null=True, editable=False)
    last_seq = models.PositiveBigIntegerField(default=0, editable=False)
    last_message_at = models.DateTimeField(_("last message"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    history = History(excluded_fields=["last_seq", "last_message_at"])
    objects = RoomQuerySet.as_manager()

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet["Membership"]):
    def unblocked(self) -> MembershipQuerySet:
        """Memberships of users who neither blocked another member nor were blocked by one."""
        # Two plain conditions: each finds its way through an index, which one with an "or" inside does not.
        room = OuterRef("room")
        blocks = Block.objects.filter(blocker=OuterRef("user"), blocked__memberships__room=room)
        is_blocked = Block.objects.filter(blocked=OuterRef("user"), blocker__memberships__room=room)
        return self.filter(~Exists(blocks), ~Exists(is_blocked))


class Membership(models.Model):
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="memberships")
    read_up_to = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    history = History(excluded_fields=["read_up_to"], person="user_id")
    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.room}"


class MessageQuerySet(RemovableQuerySet["Message"]):
    def newest_first(self) -> MessageQuerySet:
        return self.order_by("-sent_at", "-id")

    def with_names(self) -> MessageQuerySet:
        """Adds the room and the sender."""
        return self.select_related("room", "sender")


class Message(Removable):
    """One line of a conversation. `seq` runs 1, 2, 3 … in its room, with no gap."""

    # Without the indexes that Django would add: longer ones of the same beginning are below.
    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, related_name="messages", verbose_name=_("room"), db_index=False
    )
    seq = models.PositiveBigIntegerField(_("number"), editable=False)
    sender = models.ForeignKey(
        "users.User", on_delete=models.CASCADE, related_name="+", verbose_name=_("sender"), db_index=False
    )
    text = models.TextField(_("text"), max_length=LONGEST_MESSAGE)
    client_id = models.CharField(max_length=64, blank=True, editable=False)
    """The client's ID for it, so that sending twice stores once. Empty where it gave none."""
    sent_at = models.DateTimeField(_("sent"), default=timezone.now, editable=False)

    # Only removals make a version: a message is written once, and its text is kept in no history.
    history = History(excluded_fields=["text"], person="sender_id", personal=["removal_reason"])
    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["room", "seq"], name="message_number_unique"),
            models.UniqueConstraint(
                fields=["room", "sender", "client_id"], condition=~Q(client_id=""), name="message_sent_once"
            ),
        ]
        indexes = [
            models.Index(fields=["-sent_at", "-id"], name="message_newest"),
            models.Index(fields=["sender", "-sent_at"], name="message_of_sender"),
            models.Index(fields=["-sent_at", "-id"], condition=Q(removed_at__isnull=False), name="message_removed"),
        ]
        permissions = [
            ("export_message", _("Can export messages")),
            ("reveal_message", _("Can reveal text of message")),
        ]

    def __str__(self) -> str:
        return _("Message %(id)s") % {"id": self.pk}

    def payload(self) -> dict[str, Any]:
        """What the members of its room receive. A removed message keeps its place, without its text."""
        return {
            "id": self.pk,
            "seq": self.seq,
            "room": self.room.name,
            "sender": self.sender.username,
            "message": "" if self.removed_at else self.text,
            "sent_at": self.sent_at,
            "client_id": self.client_id or None,
        }


class MessageUserObjectPermission(UserObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Message, on_delete=models.CASCADE)


class MessageGroupObjectPermission(GroupObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Message, on_delete=models.CASCADE)
