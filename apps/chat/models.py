from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.audit.history import History
from apps.removal import Removable, RemovableQuerySet


def new_room_name() -> str:
    return get_random_string(16, "abcdefghijkmnpqrstuvwxyz23456789")


def direct_key(one_id: int, other_id: int) -> str:
    """The same for two people whoever comes first, so that they share one room."""
    low, high = sorted((one_id, other_id))
    return f"{low}:{high}"


class Room(models.Model):
    """Where people talk. Its name opens nothing; membership does."""

    name = models.CharField(_("name"), max_length=64, unique=True, default=new_room_name)
    direct_key = models.CharField(max_length=48, unique=True, null=True, editable=False)
    last_seq = models.PositiveBigIntegerField(default=0, editable=False)
    last_message_at = models.DateTimeField(_("last message"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    history = History(excluded_fields=["last_seq", "last_message_at"])

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="memberships")
    read_up_to = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    history = History(excluded_fields=["read_up_to"])

    class Meta:
        verbose_name = _("membership")
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="membership_once")]


class MessageQuerySet(RemovableQuerySet["Message"]):
    def newest_first(self) -> MessageQuerySet:
        return self.order_by("-sent_at", "-id")


class Message(Removable):
    """One line of a conversation. `seq` runs 1, 2, 3 … in its room, with no gap."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="messages", verbose_name=_("room"))
    seq = models.PositiveBigIntegerField(_("number"), editable=False)
    sender = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="+", verbose_name=_("sender"))
    text = models.TextField(_("text"), max_length=4000)
    client_id = models.CharField(max_length=64, blank=True, editable=False)
    """The client's own name for it, so that sending twice stores once. Empty where it gave none."""
    sent_at = models.DateTimeField(_("sent"), default=timezone.now, editable=False)

    # Only removals make a version: a message is written once, and its text is nobody's history.
    history = History(excluded_fields=["text"])
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
        ]
        permissions = [("export_message", _("Can export messages"))]

    def __str__(self) -> str:
        return _("Message %(id)s") % {"id": self.pk}


class MessageUserObjectPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Message, on_delete=models.CASCADE)


class MessageGroupObjectPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Message, on_delete=models.CASCADE)
