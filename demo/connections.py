"""Who knows whom: connections, follows and blocks."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.audit.actions import Action
from apps.connections.models import Connection
from apps.notifications.models import Kind
from apps.users.models import Block, Follow, User
from demo.accounts import NEWCOMER, TRIO
from demo.scenario import Scenario, change, create

Status = Connection.Status


def connect(scenario: Scenario) -> list[Connection]:
    """Everything between people; returns the accepted connections, the oldest first."""
    wishes = _wishes(scenario)
    pairs = {frozenset((one.pk, other.pk)) for one, other, _, _ in wishes}
    connections = [
        Connection(sender=one, receiver=other, created_at=at, status=Status.PENDING) for one, other, _, at in wishes
    ]
    answers = {(one.pk, other.pk): answer for one, other, answer, _ in wishes}
    connections = create(
        connections, by=lambda c: c.sender, at=lambda c: c.created_at, action=Action.CONNECTION_REQUESTED
    )
    for connection in connections:
        scenario.notify(
            connection.receiver,
            Kind.CONNECTION_REQUEST,
            connection.created_at,
            about=connection,
            person=connection.sender.username,
        )
    answered = [c for c in connections if answers[c.sender_id, c.receiver_id] != Status.PENDING]
    for connection in answered:
        connection.status = answers[connection.sender_id, connection.receiver_id]
        wait = timedelta(minutes=scenario.random.randint(5, 2000))
        connection.responded_at = min(connection.created_at + wait, scenario.ago(minutes=30))
        if connection.status == Status.ACCEPTED:
            scenario.notify(
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
    _follow_and_block(scenario, pairs)
    return [c for c in connections if c.status == Status.ACCEPTED]


def _wishes(scenario: Scenario) -> list[tuple[User, User, str, datetime]]:
    """Who asked whom, with what answer, and when; each pair once."""
    brand, influencer, entrepreneur = (scenario[name] for name in TRIO)
    wishes = [
        (brand, influencer, Status.ACCEPTED.value, scenario.ago(days=60)),
        (brand, entrepreneur, Status.ACCEPTED.value, scenario.ago(days=58)),
        (entrepreneur, influencer, Status.ACCEPTED.value, scenario.ago(days=57)),
    ]
    known = {frozenset((one.pk, other.pk)) for one, other, _, _ in wishes}

    def wish(one: User, other: User, answer: str, earliest: int) -> None:
        pair = frozenset((one.pk, other.pk))
        if one.pk != other.pk and pair not in known:
            known.add(pair)
            wishes.append((one, other, answer, scenario.between(timedelta(days=earliest), timedelta(hours=2))))

    others = [user for user in scenario.verified if user.username not in TRIO]
    # Requests wait for each of the accounts that people try out, and some of theirs wait for others.
    for place, name in enumerate((*TRIO, NEWCOMER)):
        for other in others[place * 5 : place * 5 + 3]:
            wish(other, scenario[name], Status.PENDING, 4)
        wish(scenario[name], others[place * 5 + 4], Status.PENDING, 4)
    for person in scenario.clients:
        for other in scenario.random.sample(others, 4):
            answers = (Status.ACCEPTED, Status.PENDING, Status.REJECTED)
            [answer] = scenario.random.choices(answers, (75, 15, 10))
            wish(person, other, answer, 40 if person.identity_verified else 2)
    return wishes


def _follow_and_block(scenario: Scenario, connected: set[frozenset[int]]) -> None:
    clients = scenario.clients
    blocks: list[Block] = []
    while len(blocks) < 4:
        one, other = scenario.random.sample(clients[4:], 2)
        pair = frozenset((one.pk, other.pk))
        if pair not in connected and all(pair != {block.blocker_id, block.blocked_id} for block in blocks):
            blocks.append(Block(blocker=one, blocked=other))
    apart = {frozenset((block.blocker_id, block.blocked_id)) for block in blocks}
    create(blocks, by=lambda block: block.blocker, at=lambda _: scenario.ago(days=5), action=Action.BLOCKED)

    follows = [
        Follow(follower=person, followed=other)
        for person in clients
        for other in scenario.random.sample(clients, 5)
        if other.pk != person.pk and frozenset((person.pk, other.pk)) not in apart
    ]
    since = {(f.follower_id, f.followed_id): scenario.between(timedelta(days=30), timedelta(hours=1)) for f in follows}
    follows = create(
        follows,
        by=lambda follow: follow.follower,
        at=lambda follow: since[follow.follower_id, follow.followed_id],
        action=Action.FOLLOWED,
    )
    for follow in follows:
        follow.created_at = at = since[follow.follower_id, follow.followed_id]
        scenario.notify(follow.followed, Kind.NEW_FOLLOWER, at, about=follow.follower, person=follow.follower.username)
    Follow.objects.bulk_update(follows, ["created_at"])
