"""Who opens which socket: a table, complete by construction."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from api.realtime.routing import _addresses
from apps.users.authentication.api_sessions import begin
from apps.users.models import Block
from tests import people
from tests.api.realtime.client import Client, socket
from tests.apps.chat.people import room_of

OPEN = 0
PEOPLE = ("anonymous", "forger", "member", "stranger", "blocked", "suspended", "newton", "staff")
"""The member is in the room; the blocked one is too, and the other has blocked them; Newton is not verified."""
TABLE = {
    # the route: what each of PEOPLE gets, the code it is closed with or OPEN
    r"^ws/chat/(?P<room_name>[\w-]{1,64})/$": (4401, 4401, OPEN, 4404, 4403, 4403, 4403, 4401),
    r"^ws/notifications/$": (4401, 4401, OPEN, OPEN, OPEN, 4403, OPEN, 4401),
    r"": (4404, 4404, 4404, 4404, 4404, 4404, 4404, 4404),
}


def test_the_table_names_every_route_and_no_other() -> None:
    assert [str(route.pattern) for route in _addresses.routes] == list(TABLE)


@pytest.mark.django_db(transaction=True)
def test_all_users_are_admitted_and_denied_by_the_table(stack_url: str) -> None:
    member, other, blocked = people.alice(), people.bob(), people.carol()
    room, shut = room_of(member, other), room_of(blocked, other)
    Block.objects.create(blocker=other, blocked=blocked)
    tokens = {
        "anonymous": None,
        "forger": "a.b.c",
        "member": begin(member).access,
        "stranger": begin(people.make_user("stranger")).access,
        "blocked": begin(blocked).access,
        "suspended": begin(suspended := people.make_user("suspended")).access,
        "newton": begin(people.newton()).access,
        "staff": begin(people.admin()).access,
    }
    type(suspended).objects.filter(pk=suspended.pk).update(suspended_until=timezone.now() + timedelta(days=1))
    found = {}
    for route, expected in TABLE.items():
        codes = []
        for who in PEOPLE:
            name = shut.name if who == "blocked" else room.name
            path = {0: f"/ws/chat/{name}/", 1: "/ws/notifications/", 2: "/ws/nowhere/"}[list(TABLE).index(route)]
            with socket(stack_url, path, tokens[who]) as one:
                codes.append(_outcome(one))
        found[route] = tuple(codes)
        assert len(expected) == len(PEOPLE)
    assert found == TABLE


def _outcome(one: Client) -> int:
    """The code that it is closed with; `OPEN` where it answers."""
    try:
        one.send(type="ping")
        assert one.next() == {"type": "pong"}
    except ConnectionClosed:
        return int(one.connection.close_code or -1)
    return OPEN
