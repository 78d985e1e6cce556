from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from apps.chat.models import Membership, Message, Room
from apps.chat.services import remove_message, send_message
from apps.connections.models import Connection
from tests.api.realtime.client import Client, chat, socket
from tests.apps.chat.people import room_of, say
from tests.client import api
from tests.people import alice, bob, carol, community


def test_messages_reach_all_sockets_of_all_members(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room) as phone, chat(stack_url, a, room) as laptop, chat(stack_url, b, room) as other:
        phone.send(message="Hi", sender="another user", client_id="c1")
        frames = [phone.next(), laptop.next(), other.next()]
        assert frames[0] == frames[1] == frames[2]
        stored = api(b).get("/chat", room=room.name).json()["results"][0]
        assert frames[0] == {"type": "message"} | stored
        assert stored == {
            "id": Message.objects.get().pk,
            "seq": 1,
            "room": room.name,
            "sender": "alice",
            "message": "Hi",
            "sent_at": stored["sent_at"],
            "client_id": "c1",
        }


def test_messages_sent_over_http_reach_sockets(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, b, room) as other:
        sent = api(a).post("/chat", {"room": room.name, "message": "Hi"}).json()
        assert other.next() == {"type": "message"} | sent


def test_old_messages_are_sent_on_request_alone(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "one", "two")
    with chat(stack_url, b, room) as other:
        other.expect_nothing()
        say(a, room, "three")
        assert other.next()["seq"] == 3


def test_resuming_sends_missed_messages_in_order_then_live_ones(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, *map(str, range(1, 251)))
    with chat(stack_url, b, room, ready=False) as other:
        other.send(type="resume", after=3)
        say(a, room, *map(str, range(251, 261)))
        assert other.hear_seqs(257) == list(range(4, 261))
        other.send(type="resume", after=258)
        assert other.hear_seqs(2) == [259, 260]
        other.send(type="resume", after=10**9)
        other.expect_nothing()
        say(a, room, "live")
        assert other.next()["seq"] == 261


def test_live_messages_wait_for_the_first_frame(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "one", "two")
    with chat(stack_url, b, room, ready=False) as late, chat(stack_url, a, room) as one:
        # More than a moment later, in a room where another user writes; how late does not matter.
        for text in ("three", "four"):
            one.say(text)
            one.hear(1)
        one.send(type="typing")
        with pytest.raises(TimeoutError):
            late.connection.recv(0.6)
        late.send(type="resume", after=0)
        assert late.hear_seqs(4) == [1, 2, 3, 4]
        one.say("five")
        assert late.hear_seqs(1) == [5]
        late.expect_nothing()


FIRST = ({"type": "ping"}, {"type": "typing"}, {"type": "read", "up_to": 2}, {"message": "five"}, {"message": " "})


@pytest.mark.parametrize("frame", FIRST, ids=str)
def test_any_other_first_frame_goes_on_from_the_opening(stack_url: str, frame: dict[str, Any]) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "one", "two")
    with chat(stack_url, b, room, ready=False) as late:
        say(a, room, "three", "four")
        late.send(**frame)
        say(a, room, "last")
        last = 6 if frame == {"message": "five"} else 5
        # Their own reading comes back to them, before the last message or after it.
        missing = {last, "read"} if frame.get("type") == "read" else {last}
        frames = []
        while missing:
            frames.append(late.next())
            missing -= {frames[-1].get("seq"), frames[-1]["type"]}
        assert [each["seq"] for each in frames if each["type"] == "message"] == list(range(3, last + 1))
        late.expect_nothing()


def test_a_frame_that_is_none_gives_no_position(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "one")
    with chat(stack_url, b, room, ready=False) as late:
        say(a, room, "two")
        late.send(type="resume", after=-1)
        late.expect_error("invalid")
        with pytest.raises(TimeoutError):
            late.connection.recv(0.2)
        late.send(type="resume", after=0)
        assert late.hear_seqs(2) == [1, 2]


def test_a_position_may_be_given_in_the_opening(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "one", "two", "three")
    with chat(stack_url, b, room, after=1) as silent, chat(stack_url, b, room, after=10**9) as ahead:
        assert silent.hear_seqs(2) == [2, 3]
        say(a, room, "four")
        assert silent.hear_seqs(1) == ahead.hear_seqs(1) == [4]
        silent.expect_nothing()


@pytest.mark.parametrize("after", ["", "x", "-1", "1.5", "true", 2**63, "9" * 5000])
def test_a_position_that_is_none_opens_nothing(stack_url: str, after: object) -> None:
    a, b = alice(), bob()
    with chat(stack_url, a, room_of(a, b), after=after) as one:
        assert one.closed() == 1008
        assert one.connection.close_reason == "invalid"


def test_repeated_sends_keep_the_order_of_messages(stack_url: str) -> None:
    """A client that keeps the highest number shown would otherwise take all that lies between for known."""
    a, b = alice(), bob()
    room = room_of(a, b)
    say(b, room, *map(str, range(1, 300)))
    send_message(a, room.name, text="mine", client_id="c1")
    with chat(stack_url, a, room, ready=False) as one:
        one.send(type="resume", after=0)
        one.send(message="mine", client_id="c1")
        assert one.hear_seqs(300) == list(range(1, 301))


def speak(client: Client, count: int) -> None:
    for _ in range(count):
        client.say("Hi")
        client.next()


def test_a_message_that_is_being_said_while_it_resumes_comes_once(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, *map(str, range(1, 121)))
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        one = stack.enter_context(chat(stack_url, a, room))
        others = {
            after: stack.enter_context(chat(stack_url, b, room, ready=False, max_queue=None))
            for after in (0, 50, 100, 120)
        }
        speaking = pool.submit(speak, one, 60)
        for after, other in others.items():
            other.send(type="resume", after=after)
            assert other.hear_seqs(130 - after) == list(range(after + 1, 131))
        speaking.result()
        for other in others.values():
            assert other.hear_seqs(50) == list(range(131, 181))
            other.expect_nothing()


def test_the_same_client_id_again_answers_its_sender_and_stores_nothing(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room) as one, chat(stack_url, b, room) as other:
        one.send(message="Hi", client_id="c1")
        first = one.next()
        assert other.next() == first
        one.send(message="Hello", client_id="c1")
        assert one.next() == first
        other.expect_nothing()
    assert Message.objects.count() == 1


def test_typing_is_for_the_others_and_reading_for_all(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(b, room, "Hi")
    with chat(stack_url, a, room) as one, chat(stack_url, b, room) as other:
        one.send(type="typing")
        assert other.next() == {"type": "typing", "room": room.name, "sender": "alice"}
        one.expect_nothing()
        one.send(type="read", up_to=1)
        read = {"type": "read", "room": room.name, "sender": "alice", "up_to": 1}
        assert (one.next(), other.next()) == (read, read)
        one.send(type="read", up_to=1)  # no news
        one.expect_nothing()
    assert Membership.objects.get(user=a).read_up_to == 1


def test_sending_to_a_former_connection_is_refused(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room) as one, chat(stack_url, b, room) as other:
        Connection.objects.all().delete()
        one.say("Hi")
        one.expect_error("not-connected")
        other.expect_nothing()


def test_a_removed_message_is_resumed_without_its_text(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "Bad words", "Good words")
    remove_message(community(), Message.objects.get(seq=1).pk)
    with chat(stack_url, b, room) as other:
        other.send(type="resume", after=0)
        assert other.hear(2) == ["", "Good words"]


def test_deleted_messages_do_not_block_resuming(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "one", "two", "three")
    Message.objects.filter(seq__in=[2, 3]).delete()
    with chat(stack_url, b, room) as other:
        other.send(type="resume", after=0)
        assert other.next()["seq"] == 1
        say(a, room, "four")
        assert other.next()["seq"] == 4


def test_slow_readers_delay_no_other_and_miss_no_message(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    # More than the buffers in between hold, so that the server cannot send it all.
    old = [Message(room=room, seq=seq, sender=a, text="x" * 4000) for seq in range(1, 2001)]
    Message.objects.bulk_create(old)
    Room.objects.update(last_seq=2000)
    with chat(stack_url, b, room, ready=False, max_queue=1) as slow, chat(stack_url, b, room) as quick:
        slow.send(type="resume", after=0)
        for number in range(2001, 2021):
            say(a, room, "Hi")
            assert quick.next()["seq"] == number
        assert slow.hear_seqs(2020) == list(range(1, 2021))


def test_rooms_do_not_hear_each_other(stack_url: str) -> None:
    a, b, c = alice(), bob(), carol()
    with_b, with_c = room_of(a, b), room_of(a, c)
    with chat(stack_url, a, with_b) as one, chat(stack_url, c, with_c) as other:
        say(a, with_c, "Hi")
        assert other.hear(1) == ["Hi"]
        one.expect_nothing()


@pytest.mark.parametrize("path", ["/ws/chat/nowhere/", "/ws/chat//", "/ws/chat/a/b/", "/ws/", "/ws/chat/%00/", "/x"])
def test_there_is_nothing_elsewhere(stack_url: str, path: str) -> None:
    token = api(alice()).tokens.access
    with socket(stack_url, path, token) as client:
        assert client.closed() == 4404
