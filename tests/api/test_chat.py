from __future__ import annotations

from typing import Any

import pytest

from apps.chat.models import Message
from apps.chat.services import remove_message
from apps.connections.models import Connection
from apps.users.authentication.socket_tickets import from_ticket, valid_sessions
from apps.users.models import Block
from tests.apps.chat.people import connect, room_of, say
from tests.client import api
from tests.people import alice, bob, carol, community, make_user, newton

pytestmark = pytest.mark.django_db


def seqs(answer: Any) -> list[int]:
    return [message["seq"] for message in answer.json()["results"]]


def test_rooms_are_opened_once() -> None:
    a, b = alice(), bob()
    connect(a, b)
    first = api(a).post("/chat/rooms", {"participant": b.pk})
    assert first.status_code == 201
    room = first.json()
    assert [person["username"] for person in room["participants"]] == ["alice", "bob"]
    assert set(room["participants"][0]) == {"id", "username", "role", "is_verified", "image"}
    assert (room["last_message"], room["unread"]) == (None, 0)
    again = api(b).post("/chat/rooms", {"participant": a.pk})
    assert again.status_code == 200
    assert again.json() == room


def test_rooms_between_strangers_are_refused() -> None:
    a, b = alice(), bob()
    answer = api(a).post("/chat/rooms", {"participant": b.pk})
    assert (answer.status_code, answer.json()["type"]) == (403, "not-connected")
    assert api(a).post("/chat/rooms", {"participant": a.pk}).json()["errors"][0]["field"] == "participant"
    assert api(a).post("/chat/rooms", {"participant": 10**9}).status_code == 404
    assert api(a).post("/chat/rooms", {"participant": "2"}).status_code == 422
    Block.objects.create(blocker=b, blocked=a)
    assert api(a).post("/chat/rooms", {"participant": b.pk}).status_code == 404


def test_chat_is_for_the_verified() -> None:
    n = api(newton())
    for answer in (n.get("/chat/rooms"), n.get("/chat"), n.post("/chat", {}), n.post("/chat/rooms", {})):
        assert (answer.status_code, answer.json()["type"]) == (403, "verification-required")
    assert api().get("/chat").status_code == 401


def test_rooms_are_listed_latest_first() -> None:
    a, b, c = alice(), bob(), carol()
    with_b, with_c = room_of(a, b), room_of(a, c)
    empty = room_of(a, make_user("dora"))
    say(c, with_c, "One", "Two")
    say(b, with_b, "Three")
    rooms = api(a).get("/chat/rooms").json()
    assert rooms["count"] == 3
    assert [room["room_name"] for room in rooms["results"]] == [with_b.name, with_c.name, empty.name]
    assert [room["unread"] for room in rooms["results"]] == [1, 2, 0]
    assert rooms["results"][1]["last_message"]["message"] == "Two"
    assert rooms["results"][1]["last_message"] == api(a).get("/chat", room=with_c.name).json()["results"][0]


def test_members_send_messages() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    answer = api(a).post("/chat", {"room": room.name, "message": "Hi", "client_id": "c1"})
    assert answer.status_code == 201
    message = answer.json()
    assert message == {
        "id": Message.objects.get().pk,
        "seq": 1,
        "room": room.name,
        "sender": "alice",
        "message": "Hi",
        "sent_at": message["sent_at"],
        "client_id": "c1",
    }
    assert message["sent_at"].endswith("Z")
    again = api(a).post("/chat", {"room": room.name, "message": "Hi again", "client_id": "c1"})
    assert (again.status_code, again.json()) == (200, message)
    assert api(b).get("/chat").json()["results"] == [message]
    assert api(b).post("/chat", {"receiver": a.pk, "message": "Yo"}).json()["client_id"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"room": "{room}"}, "message"),
        ({"room": "{room}", "message": ""}, "message"),
        ({"room": "{room}", "message": "  "}, "message"),
        ({"room": "{room}", "message": "x" * 4001}, "message"),
        ({"room": "{room}", "message": None}, "message"),
        ({"room": "{room}", "message": 5}, "message"),
        ({"room": "{room}", "message": "a\0b"}, "message"),
        ({"room": "{room}", "message": "Hi", "client_id": "x" * 65}, "client_id"),
        ({"room": "{room}", "message": "Hi", "sender": "bob"}, "sender"),
        ({"message": "Hi"}, "body"),
        ({"room": "{room}", "receiver": 1, "message": "Hi"}, "body"),
    ],
)
def test_invalid_messages_are_rejected(body: dict[str, Any], field: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    answer = api(a).post("/chat", {key: room.name if value == "{room}" else value for key, value in body.items()})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_outsiders_cannot_send_to_a_room() -> None:
    a, b, c = alice(), bob(), carol()
    room = room_of(a, b)
    assert api(c).post("/chat", {"room": room.name, "message": "Hi"}).status_code == 404
    answer = api(c).post("/chat", {"receiver": a.pk, "message": "Hi"})
    assert (answer.status_code, answer.json()["type"]) == (403, "not-connected")
    Connection.objects.all().delete()
    answer = api(a).post("/chat", {"room": room.name, "message": "Hi"})
    assert (answer.status_code, answer.json()["type"]) == (403, "not-connected")
    Block.objects.create(blocker=b, blocked=a)
    assert api(a).post("/chat", {"room": room.name, "message": "Hi"}).status_code == 404


def test_room_history_is_paged() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, *map(str, range(1, 24)))
    client = api(b)
    first = client.get("/chat", room=room.name)
    assert seqs(first) == list(range(23, 13, -1))
    assert (first.json()["count"], first.json()["previous"]) == (23, None)
    third = client.get("/chat", room=room.name, page=3)
    assert seqs(third) == [3, 2, 1]
    assert third.json()["next"] is None
    assert client.get("/chat", room=room.name, page=4).status_code == 404
    assert client.get("/chat", room="nowhere").status_code == 404
    assert client.get("/chat", room=room.name, page_size=20).status_code == 422
    assert api(carol()).get("/chat", room=room.name).status_code == 404


def test_room_history_is_read_around_a_number_without_counting() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, *map(str, range(1, 24)))
    client = api(b)
    older = client.get("/chat", room=room.name, before=15)
    assert seqs(older) == list(range(14, 4, -1))
    assert set(older.json()) == {"next", "previous", "results"}
    rest = client.client.get(older.json()["next"], headers=client.headers)
    assert seqs(rest) == [4, 3, 2, 1]
    assert rest.json()["next"] is None
    newer = client.get("/chat", room=room.name, after=5)
    assert seqs(newer) == list(range(15, 5, -1))
    rest = client.client.get(newer.json()["next"], headers=client.headers)
    assert seqs(rest) == list(range(23, 15, -1))
    assert rest.json()["next"] is None
    assert seqs(client.client.get(rest.json()["previous"], headers=client.headers)) == list(range(15, 5, -1))
    assert seqs(client.get("/chat", room=room.name, after=23)) == []
    wrong: list[dict[str, Any]] = [{"before": 3, "after": 1}, {"before": 3, "page": 1}]
    wrong += [{"before": "x"}, {"after": -1}, {"before": 2**63}]
    for query in wrong:
        assert client.get("/chat", room=room.name, **query).status_code == 422
    assert client.get("/chat", before=3).status_code == 422
    assert client.get("/chat", after=3).status_code == 422


def test_a_removed_message_keeps_its_place_without_its_text() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "Bad words", "Good words")
    remove_message(community(), Message.objects.get(seq=1).pk)
    history = api(b).get("/chat", room=room.name).json()
    assert [message["message"] for message in history["results"]] == ["Good words", ""]
    assert history["count"] == 2


def test_a_page_of_messages_or_rooms_costs_the_same_however_long(django_assert_num_queries: Any) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(b, room, *map(str, range(30)))
    for number in range(11):
        friend = make_user(f"friend{number}")
        say(friend, room_of(a, friend), "Hi")
    client = api(a)
    client.get("/chat")
    for path, query, queries in (
        ("/chat", {"page_size": 100}, 3),  # login, rooms, messages
        ("/chat", {"page_size": 10}, 3),
        ("/chat", {"room": room.name, "page_size": 100}, 3),
        ("/chat", {"room": room.name, "before": 20}, 3),
        ("/chat/rooms", {}, 5),  # login, count, rooms, members, last messages
        ("/chat/rooms", {"page_size": 100}, 5),
    ):
        with django_assert_num_queries(queries):
            assert client.get(path, **query).status_code == 200


def test_a_ticket_replaces_its_token_once() -> None:
    answer = api(newton()).post("/chat/ticket")
    assert answer.status_code == 201
    assert answer.json()["expires_in"] == 30
    credential = from_ticket(answer.json()["ticket"])
    assert valid_sessions([credential])[credential].user.username == "newton"
    with pytest.raises(Exception, match="does not hold"):
        from_ticket(answer.json()["ticket"])
    assert api().post("/chat/ticket").status_code == 401


def test_a_ticket_is_forgotten_in_half_a_minute(broker: Any) -> None:
    api(alice()).post("/chat/ticket")
    [key] = broker.keys("*ticket*")
    assert 0 < broker.ttl(key) <= 30


def test_tickets_answer_503_without_valkey(settings: Any) -> None:
    client = api(alice())
    settings.REDIS_URL = "unix:///nowhere.sock"
    assert client.post("/chat/ticket").status_code == 503
