"""Rooms, and what is said in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from apps.audit.actions import Action
from apps.chat.models import Membership, Message, Room, direct_key
from apps.connections.models import Connection
from apps.users.models import User
from demo import texts, work_texts
from demo.accounts import TRIO
from demo.scenario import Scenario, create

ROOMS_OF_OTHERS = 18
NAME = "abcdefghijkmnpqrstuvwxyz23456789"


def converse(scenario: Scenario, connections: Sequence[Connection]) -> list[Message]:
    """The rooms of the three whom people try out, one with all three of them, and those of others."""
    trio = [scenario[name] for name in TRIO]
    brand, influencer, entrepreneur = trio
    long_talk = [*texts.TALKS[0], *((place % 2, line) for place, line in enumerate(texts.LINES * 3)), *texts.TALKS[3]]
    rooms: list[tuple[list[User], Sequence[tuple[int, str]], float]] = [
        (trio, _OF_THREE, 5),
        ([brand, influencer], long_talk, 1),
        ([brand, entrepreneur], texts.TALKS[2], 20),
        ([entrepreneur, influencer], texts.TALKS[1], 30),
    ]
    others = [c for c in connections if {c.sender.username, c.receiver.username}.isdisjoint(TRIO)]
    others = [c for c in others if c.sender.identity_verified and c.receiver.identity_verified]
    for place, connection in enumerate(scenario.random.sample(others, ROOMS_OF_OTHERS)):
        said = list(texts.TALKS[place % len(texts.TALKS)])
        if place == 0:
            said.append((0, texts.RUDE))
        if place == 1:
            said.append((1, texts.SPAM))
        if 0 <= place - 2 < len(work_texts.UNKIND):
            said.append((place % 2, work_texts.UNKIND[place - 2]))
        rooms.append(([connection.sender, connection.receiver], said, 2 + place * 7))

    messages = []
    for members, lines, hours in rooms:
        messages += _room(scenario, members, lines, hours)
    return Message.objects.bulk_create(sorted(messages, key=lambda message: message.sent_at))


def _room(scenario: Scenario, members: list[User], lines: Sequence[tuple[int, str]], hours: float) -> list[Message]:
    """A room whose last line was written that many hours ago."""
    times = [scenario.ago(hours=hours)]
    for _ in lines[1:]:
        times.append(times[-1] - timedelta(minutes=scenario.random.choice((1, 2, 3, 5, 8, 40, 200))))
    times.reverse()
    opened = times[0] - timedelta(minutes=3)
    [room] = create(
        [
            Room(
                name="".join(scenario.random.choices(NAME, k=16)),
                direct_key=direct_key(members[0].pk, members[1].pk) if len(members) == 2 else None,
                last_seq=len(lines),
                last_message_at=times[-1],
                created_at=opened,
            )
        ],
        by=lambda _: members[0],
        at=lambda _: opened,
        action=Action.ROOM_OPENED,
    )
    unread = {members[0].pk: 0, members[1].pk: 2}
    memberships = [
        Membership(room=room, user=member, read_up_to=max(0, len(lines) - unread.get(member.pk, 1)), created_at=opened)
        for member in members
    ]
    create(memberships, by=lambda _: members[0], at=lambda _: opened, action=Action.ROOM_OPENED)
    return [
        Message(room=room, seq=place + 1, sender=members[who % len(members)], text=text, sent_at=times[place])
        for place, (who, text) in enumerate(lines)
    ]


_OF_THREE = (
    (0, "Welcome both! This is the room for the launch evening."),
    (1, "Hello! Great idea, that saves us twenty mails."),
    (2, "Hi all. I can bring the kitchen team for the food."),
    (0, "Lovely. We pay for the ingredients, you keep the tips."),
    (2, "Deal. How many vegetarians?"),
    (0, "Half, to be safe."),
    (1, "I film from six. Please no flash during the talk."),
    (0, "Noted. I'll put up the final schedule on Wednesday."),
    (2, "Wednesday works."),
    (1, "Can anyone lend me a second tripod?"),
    (2, "There is one in the studio, I'll bring it."),
)
