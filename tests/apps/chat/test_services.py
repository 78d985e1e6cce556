from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import close_old_connections, connection

from apps.chat import services
from apps.chat.models import Membership, Message, Room
from apps.chat.permissions import still_members
from apps.connections.models import Connection
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.notifications.models import Kind, Notification
from apps.users.models import Block, User
from tests.apps.chat.people import connect, room_of, say
from tests.jobs import run_jobs
from tests.people import alice, bob, carol, community, make_user, support

pytestmark = pytest.mark.django_db


def at_once[T](count: int, action: Callable[[int], T]) -> list[T | Exception]:
    """The action done by as many threads at the same time, each on a connection of its own."""

    def run(number: int) -> T | Exception:
        try:
            return action(number)
        except Exception as error:
            return error
        finally:
            connection.close()
            close_old_connections()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_two_users_share_one_room() -> None:
    a, b = alice(), bob()
    connect(a, b)
    room, made = services.open_room(a, b.pk)
    assert made
    assert services.open_room(b, a.pk) == (room, False)
    assert set(room.memberships.values_list("user_id", flat=True)) == {a.pk, b.pk}


def test_rooms_need_a_connection() -> None:
    a, b = alice(), bob()
    with pytest.raises(Refused, match="connected"):
        services.open_room(a, b.pk)
    with pytest.raises(Invalid):
        services.open_room(a, a.pk)
    with pytest.raises(Absent):
        services.open_room(a, 2**62)
    Connection.objects.create(sender=a, receiver=b)
    with pytest.raises(Refused):
        services.open_room(a, b.pk)


def test_blocked_users_are_absent_to_room_opening() -> None:
    a, b = alice(), bob()
    connect(a, b)
    Block.objects.create(blocker=b, blocked=a)
    with pytest.raises(Absent):
        services.open_room(a, b.pk)


@pytest.mark.django_db(transaction=True)
def test_opening_a_room_at_once_makes_one_room() -> None:
    a, b = alice(), bob()
    connect(a, b)
    results = at_once(20, lambda n: services.open_room(*((a, b.pk) if n % 2 else (b, a.pk))))
    assert sum(made for _, made in results) == 1
    assert Room.objects.count() == 1
    assert Membership.objects.count() == 2


def test_messages_are_numbered_without_gaps() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "one", "two")
    say(b, room, "three")
    assert list(Message.objects.order_by("seq").values_list("seq", "text")) == [(1, "one"), (2, "two"), (3, "three")]
    room.refresh_from_db()
    assert room.last_seq == 3
    assert room.last_message_at == Message.objects.get(seq=3).sent_at


@pytest.mark.django_db(transaction=True)
def test_concurrent_messages_are_numbered_without_gaps() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    results = at_once(
        20, lambda n: [services.send_message(a if n % 2 else b, room.name, text=f"{n}.{i}") for i in range(5)]
    )
    assert not [result for result in results if isinstance(result, Exception)]
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 101))
    times = list(Message.objects.order_by("seq").values_list("sent_at", flat=True))
    assert times == sorted(times)


def test_repeated_client_ids_store_one_message() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    first, new = services.send_message(a, room.name, text="Hi", client_id="c1")
    again, new_again = services.send_message(a, room.name, text="Hello", client_id="c1")
    assert (new, new_again) == (True, False)
    assert again == first
    assert again.text == "Hi"
    # It is the sender's own name for it: the other one may have the same.
    assert services.send_message(b, room.name, text="Hi", client_id="c1")[1]


@pytest.mark.django_db(transaction=True)
def test_concurrent_client_ids_store_one_message() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    results = at_once(20, lambda _: services.send_message(a, room.name, text="Hi", client_id="c1"))
    assert sum(new for _, new in results) == 1
    assert len({message.pk for message, _ in results}) == 1
    assert Message.objects.count() == 1
    room.refresh_from_db()
    assert room.last_seq == 1


def test_sending_to_a_connection_opens_the_room() -> None:
    a, b = alice(), bob()
    connect(a, b)
    message, _ = services.send_message(a, receiver_id=b.pk, text="Hi")
    assert message.room == services.open_room(b, a.pk)[0]
    with pytest.raises(Refused):
        services.send_message(a, receiver_id=carol().pk, text="Hi")


def test_empty_and_oversized_messages_are_rejected() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    for text in ("", " \n\t", "x" * 4001):
        with pytest.raises(Invalid) as refusal:
            services.send_message(a, room.name, text=text)
        assert refusal.value.field == "message"
    assert services.send_message(a, room.name, text="x" * 4000)[1]


def test_a_room_name_opens_nothing() -> None:
    a, b, c = alice(), bob(), carol()
    room = room_of(a, b)
    for action in (
        lambda: services.send_message(c, room.name, text="Hi"),
        lambda: services.enter_room(c, room.name),
        lambda: services.timeline_of(c, room.name),
        lambda: services.mark_read(c, room.name, 1),
    ):
        with pytest.raises(Absent):
            action()
    assert list(services.rooms_of(c)) == []
    assert len(services.timeline_of(c)) == 0


def test_ended_connections_leave_the_room_read_only() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "Hi")
    Connection.objects.all().delete()
    assert services.timeline_of(b, room.name)[0]["message"] == "Hi"
    assert services.enter_room(b, room.name) == room
    with pytest.raises(Refused) as refusal:
        services.send_message(a, room.name, text="Hi")
    assert refusal.value.code == "not-connected"


@pytest.mark.parametrize("who_blocks", ["reader", "other"])
def test_blocks_close_the_room_to_readers(who_blocks: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "Hi")
    blocker, blocked = (a, b) if who_blocks == "reader" else (b, a)
    Block.objects.create(blocker=blocker, blocked=blocked)
    assert still_members({(room.pk, a.pk), (room.pk, b.pk)}) == set()
    assert list(services.rooms_of(a)) == []
    with pytest.raises(Absent):
        services.timeline_of(a, room.name)
    with pytest.raises(Refused):
        services.enter_room(a, room.name)
    with pytest.raises(Absent):
        services.send_message(a, room.name, text="Hi")


def test_a_block_between_others_closes_nothing() -> None:
    a, b, c = alice(), bob(), carol()
    room = room_of(a, b)
    Block.objects.create(blocker=c, blocked=a)
    Block.objects.create(blocker=b, blocked=c)
    assert still_members({(room.pk, a.pk), (room.pk, b.pk), (room.pk, c.pk)}) == {(room.pk, a.pk), (room.pk, b.pk)}


def unread(person: User) -> int:
    room: Any = services.rooms_of(person).get()
    return int(room.unread)


def test_unread_messages_are_counted() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "one", "two", "three")
    assert unread(a) == 0
    assert unread(b) == 3
    services.mark_read(b, room.name, 2)
    assert unread(b) == 1
    services.mark_read(b, room.name, 1)  # nothing is taken back
    assert unread(b) == 1
    services.mark_read(b, room.name, 10**9)  # nor read ahead of what is there
    say(a, room, "four")
    assert unread(b) == 1
    say(b, room, "five")
    assert unread(b) == 0


def test_a_timeline_is_newest_first_over_all_rooms() -> None:
    a, b, c = alice(), bob(), carol()
    one, two = room_of(a, b), room_of(a, c)
    said = []
    for number in range(30):
        room = one if number % 3 else two
        say(a, room, str(number))
        said.append(str(number))
    timeline = services.timeline_of(a)
    assert len(timeline) == 30
    assert [message["message"] for message in timeline[0:10]] == said[::-1][0:10]
    assert [message["message"] for message in timeline[10:20]] == said[::-1][10:20]
    assert [message["message"] for message in timeline[20:45]] == said[::-1][20:]
    of_one = services.timeline_of(a, one.name)
    assert [message["seq"] for message in of_one[0:5]] == [20, 19, 18, 17, 16]
    assert [message["seq"] for message in of_one[15:25]] == [5, 4, 3, 2, 1]


def test_messages_make_no_versions_and_rooms_one() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    say(a, room, "Hi")
    assert Message.history.count() == 0
    assert [(version.history_user, version.action) for version in Room.history.all()] == [(a, "room.opened")]


def test_staff_take_a_message_out_of_sight_and_put_it_back() -> None:
    a, b, staff = alice(), bob(), community()
    room = room_of(a, b)
    say(a, room, "Bad words", "Good words")
    message = Message.objects.get(seq=1)
    services.remove_message(staff, message.pk, reason="insult")
    run_jobs(later=timedelta(seconds=10))
    assert [message["message"] for message in services.timeline_of(b, room.name)[0:10]] == ["Good words", ""]
    assert Notification.objects.get(recipient=a, kind=Kind.CONTENT_REMOVED).target_id == message.pk
    version = Message.history.first()
    assert (version.history_user, version.history_change_reason) == (staff, "insult")
    assert not hasattr(version, "text")
    with pytest.raises(Conflict):
        services.remove_message(staff, message.pk)
    services.restore_message(staff, message.pk)
    assert services.timeline_of(b, room.name)[1]["message"] == "Bad words"
    with pytest.raises(Conflict):
        services.restore_message(staff, message.pk)


def test_removing_messages_needs_the_permission() -> None:
    a, b = alice(), bob()
    say(a, room_of(a, b), "Hi")
    message = Message.objects.get()
    for person in (a, b, support()):
        with pytest.raises(Refused):
            services.remove_message(person, message.pk)
    with pytest.raises(Absent):
        services.remove_message(community(), 2**62)


def test_a_list_of_rooms_costs_the_same_however_long(django_assert_num_queries: Callable[..., object]) -> None:
    a = alice()
    for number in range(12):
        friend = make_user(f"friend{number}")
        say(friend, room_of(a, friend), "Hi")
    with django_assert_num_queries(3):
        for room in services.rooms_of(a):
            assert room.last_messages[0].sender.username
            assert [membership.user.profile for membership in room.memberships.all()]
