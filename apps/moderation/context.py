"""The messages around a reported one, whose texts staff read only after they have given a reason."""

from __future__ import annotations

from django.db import transaction

from apps.access import may
from apps.chat.models import Message
from apps.review.models import Reveal
from apps.review.reveals import reveal
from apps.users.models import User

REVEAL = "chat.reveal_message"

AROUND = 5
"""How many messages before and after the reported one belong to the context of its case."""


def around(message: Message) -> list[Message]:
    """The message and those next to it in its room, in the order in which they were sent, without their texts."""
    near = Message.objects.filter(room=message.room_id, seq__range=(message.seq - AROUND, message.seq + AROUND))
    return list(near.with_names().defer("text").order_by("seq"))


@transaction.atomic
def reveal_around(actor: User, message: Message, *, reason: str) -> list[Reveal]:
    """Reveal the texts of a message and of those around it: one reveal each, of which its sender is notified."""
    near = around(message)
    shown = Reveal.objects.open_to(actor).of(Message, "text", [each.pk for each in near])
    hidden = [each for each in near if each.pk not in shown]
    return [
        reveal(actor, each, "text", subject=each.sender, reason=reason, counts=place == 0)
        for place, each in enumerate(hidden)
    ]


def texts_open_to(viewer: User, messages: list[Message]) -> dict[int, str]:
    """The texts that `viewer` has revealed, by the messages' ids. The others stay in the database."""
    revealed = Reveal.objects.open_to(viewer).of(Message, "text", [message.pk for message in messages])
    # The permission to reveal may have ended since.
    shown = [message.pk for message in messages if message.pk in revealed and may(viewer, REVEAL, message)]
    return dict(Message.objects.filter(pk__in=shown).values_list("pk", "text")) if shown else {}
