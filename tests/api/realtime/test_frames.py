"""What clients may send, and what becomes of those who send something else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from apps.chat.models import Message
from tests.api.realtime.client import chat, notifications
from tests.apps.chat.people import room_of
from tests.people import alice, bob

BAD: dict[str, tuple[str | bytes, str]] = {
    "no JSON": ("Hi", "malformed"),
    "nothing": ("", "malformed"),
    "half of it": ('{"message": "Hi"', "malformed"),
    "an array": ('[{"message": "Hi"}]', "malformed"),
    "a string": ('"Hi"', "malformed"),
    "null": ("null", "malformed"),
    "bytes": (b'{"message": "Hi"}', "malformed"),
    "depth": ("[" * 50_000, "malformed"),
    "a number without end": ('{"type": "read", "up_to": ' + "9" * 5000 + "}", "malformed"),
    "no message": ("{}", "invalid"),
    "a message that is a number": ('{"message": 5}', "invalid"),
    "a message that is null": ('{"message": null}', "invalid"),
    "a message that is an object": ('{"message": {"$ne": 1}}', "invalid"),
    "an empty message": ('{"message": ""}', "invalid"),
    "a blank message": ('{"message": " "}', "blank"),
    "a long message": (json.dumps({"message": "x" * 4001}), "invalid"),
    "a NUL": ('{"message": "a\\u0000b"}', "invalid"),
    "half of a pair": ('{"message": "\\ud800"}', "invalid"),
    "a NUL in the client's id": ('{"message": "Hi", "client_id": "\\u0000"}', "invalid"),
    "a long client's id": (json.dumps({"message": "Hi", "client_id": "x" * 65}), "invalid"),
    "an unknown type": ('{"type": "shout", "message": "Hi"}', "unknown-type"),
    "a type that is no text": ('{"type": ["message"], "message": "Hi"}', "unknown-type"),
    "a type of the server's": ('{"type": "websocket.close"}', "unknown-type"),
    "resume from nowhere": ('{"type": "resume"}', "invalid"),
    "resume from below": ('{"type": "resume", "after": -1}', "invalid"),
    "resume from a text": ('{"type": "resume", "after": "1"}', "invalid"),
    "resume from true": ('{"type": "resume", "after": true}', "invalid"),
    "resume from a half": ('{"type": "resume", "after": 1.5}', "invalid"),
    "read too far": (json.dumps({"type": "read", "up_to": 2**63}), "invalid"),
}


def test_bad_frames_are_answered_and_change_nothing(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room) as one:
        for name, (frame, code) in BAD.items():
            one.connection.send(frame)
            answer = one.next()
            assert (name, answer["type"], answer["code"]) == (name, "error", code)
            assert set(answer) == {"type", "code", "detail"}
            one.expect_nothing()
    assert not Message.objects.exists()


def test_ten_bad_frames_in_a_row_close_the_socket(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room) as one:
        for _ in range(9):
            one.connection.send("bad")
            one.expect_error("malformed")
        one.expect_nothing()  # a good one in between
        for _ in range(10):
            one.connection.send("bad")
            one.expect_error("malformed")
        assert one.closed() == 1008


def test_unknown_frame_keys_are_ignored(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room) as one:
        one.send(message="Hi", sender="bob", room="elsewhere", seq=99, type="message", extra=[1, {}])
        frame = one.next()
        assert (frame["sender"], frame["room"], frame["seq"]) == ("alice", room.name, 1)


def test_flooding_sockets_are_closed_after_a_burst(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room, ready=False) as one:
        for _ in range(200):
            one.expect_nothing()
    with chat(stack_url, a, room, max_queue=None) as one:  # what nobody reads keeps no close frame waiting
        with suppress(ConnectionClosed):  # while they are still being sent
            for _ in range(500):
                one.send(type="ping")
        assert one.closed() == 4429


def test_a_load_test_may_send_more(stack_url: str, settings: Any) -> None:
    settings.LIMITS_SCALE = 10
    a, b = alice(), bob()
    with chat(stack_url, a, room_of(a, b)) as one:
        for _ in range(500):
            one.send(type="ping")
        assert [one.next()["type"] for _ in range(500)] == ["pong"] * 500


def test_a_frame_is_at_most_64_kib(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room) as one:
        one.send(type="ping", filling="x" * 65_000)
        assert one.next() == {"type": "pong"}
        one.send(type="ping", filling="x" * 65_536)
        assert one.closed() == 1009


@pytest.mark.parametrize("frame", ['{"message": "Hi"}', '{"type": "resume", "after": 0}', "[]", b"x"])
def test_the_notifications_socket_takes_nothing_but_a_ping(stack_url: str, frame: str | bytes) -> None:
    with notifications(stack_url, alice()) as one:
        one.connection.send(frame)
        assert one.next()["type"] == "error"
        one.expect_nothing()
