"""Who knows whom: connections, follows and blocks."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.audit.actions import Action
from apps.connections.models import Connection
from apps.notifications.models import Kind
from apps.users.models import Block, Follow, User
from demo.accounts import NEWCOMER, TRIO
from demo.scenario import Stage, change, create

Status = Connection.Status


def tie(stage: Stage) -> list[Connection]:
    """Everything between people; returns the accepted connections, the oldest first."""
    wishes = _wishes(stage)
    pairs = {frozenset((one.pk, other.pk)) for one, other, _, _ in wishes}
    connections = [
        Connection(sender=one, receiver=other, created_at=at, status=Status.PENDING) for one, other, _, at in wishes
    ]
    answers = {(one.pk, other.pk): answer for one, other, answer, _ in wishes}
    connections = create(
        connections, by=lambda c: c.sender, at=lambda c: c.created_at, action=Action.CONNECTION_REQUESTED
    )
    for connection in connections:
        stage.notify(
            connection.receiver,
            Kind.CONNECTION_REQUEST,
            connection.created_at,
            about=connection,
            person=connection.sender.username,
        )
    answered = [c for c in connections if answers[c.sender_id, c.receiver_id] != Status.PENDING]
    for connection in answered:
        connection.status = answers[connection.sender_id, connection.receiver_id]
        wait = timedelta(minutes=stage.random.randint(5, 2000))
        connection.responded_at = min(connection.created_at + wait, stage.ago(minutes=30))
        if connection.status == Status.ACCEPTED:
            stage.notify(
                connection.sender,
                Kind.CONNECTION_ACCEPTED,
                connection.responded_at,
                about=connection,
                person=connection.receiver.username,
            )
    for status in (Status.ACCEPTED, Status.REJECTED):
        change(
            [c for c in answered if c.status == status],
            ["status", "responded_at"],
            by=lambda c: c.receiver,
            at=lambda c: c.responded_at or c.created_at,
            action=Action(f"connection.{status}"),
        )
    _follow_and_block(stage, pairs)
    return [c for c in connections if c.status == Status.ACCEPTED]


def _wishes(stage: Stage) -> list[tuple[User, User, str, datetime]]:
    """Who asked whom, with what answer, and when; each pair once."""
    brand, influencer, entrepreneur = (stage[name] for name in TRIO)
    wishes = [
        (brand, influencer, Status.ACCEPTED.value, stage.ago(days=60)),
        (brand, entrepreneur, Status.ACCEPTED.value, stage.ago(days=58)),
        (entrepreneur, influencer, Status.ACCEPTED.value, stage.ago(days=57)),
    ]
    known = {frozenset((one.pk, other.pk)) for one, other, _, _ in wishes}

    def wish(one: User, other: User, answer: str, earliest: int) -> None:
        pair = frozenset((one.pk, other.pk))
        if one.pk != other.pk and pair not in known:
            known.add(pair)
            wishes.append((one, other, answer, stage.between(timedelta(days=earliest), timedelta(hours=2))))

    others = [user for user in stage.verified if user.username not in TRIO]
    # Requests wait for each of the accounts that people try out, and some of theirs wait for others.
    for place, name in enumerate((*TRIO, NEWCOMER)):
        for other in others[place * 5 : place * 5 + 3]:
            wish(other, stage[name], Status.PENDING, 4)
        wish(stage[name], others[place * 5 + 4], Status.PENDING, 4)
    for person in stage.clients:
        for other in stage.random.sample(others, 4):
            answers = (Status.ACCEPTED, Status.PENDING, Status.REJECTED)
            [answer] = stage.random.choices(answers, (75, 15, 10))
            wish(person, other, answer, 40 if person.identity_verified else 2)
    return wishes


def _follow_and_block(stage: Stage, connected: set[frozenset[int]]) -> None:
    clients = stage.clients
    blocks: list[Block] = []
    while len(blocks) < 4:
        one, other = stage.random.sample(clients[4:], 2)
        pair = frozenset((one.pk, other.pk))
        if pair not in connected and all(pair != {block.blocker_id, block.blocked_id} for block in blocks):
            blocks.append(Block(blocker=one, blocked=other))
    apart = {frozenset((block.blocker_id, block.blocked_id)) for block in blocks}
    create(blocks, by=lambda block: block.blocker, at=lambda _: stage.ago(days=5), action=Action.BLOCKED)

    follows = [
        Follow(follower=person, followed=other)
        for person in clients
        for other in stage.random.sample(clients, 5)
        if other.pk != person.pk and frozenset((person.pk, other.pk)) not in apart
    ]
    since = {(f.follower_id, f.followed_id): stage.between(timedelta(days=30), timedelta(hours=1)) for f in follows}
    follows = create(
        follows,
        by=lambda follow: follow.follower,
        at=lambda follow: since[follow.follower_id, follow.followed_id],
        action=Action.FOLLOWED,
    )
    for follow in follows:
        follow.created_at = at = since[follow.follower_id, follow.followed_id]
        stage.notify(follow.followed, Kind.NEW_FOLLOWER, at, about=follow.follower, person=follow.follower.username)
    Follow.objects.bulk_update(follows, ["created_at"])
