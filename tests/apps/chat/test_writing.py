"""Rights are checked under the lock of the room, and messages stored in one statement, several at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.chat import services
from apps.chat.models import LONGEST_MESSAGE, Membership, Message, Room
from apps.chat.writing import Draft
from apps.connections.models import Connection
from apps.errors import Absent, DomainError, Invalid, Refused
from apps.users.models import Block, User
from tests.apps.chat.people import room_of
from tests.people import alice, bob, carol, make_user
from tests.performance.plans import rows_read

pytestmark = pytest.mark.django_db


def result_of(answer: services.Answer) -> tuple[int, str, bool] | str:
    if isinstance(answer, DomainError):
        return answer.code
    message, is_new = answer
    return message.seq, message.text, is_new


def send(*drafts: Draft) -> list[tuple[int, str, bool] | str]:
    return [result_of(answer) for answer in services.send_messages(drafts)]


def test_each_of_several_has_its_own_answer() -> None:
    a, b, c, d = alice(), bob(), carol(), make_user("dora")
    open_room, ended, blocked = room_of(a, b), room_of(a, c), room_of(b, d)
    services.send_message(a, open_room.name, text="before", client_id="c0")
    Connection.objects.between(a.pk, c.pk).delete()
    Block.objects.create(blocker=d, blocked=b)
    assert send(
        Draft(b, open_room.name, "one"),
        Draft(a, ended.name, "to a stranger"),
        Draft(b, blocked.name, "to who has blocked me"),
        Draft(c, open_room.name, "as a stranger"),
        Draft(a, open_room.name, "two", "c1"),
        Draft(a, "nowhere", "to none"),
        Draft(a, open_room.name, "again", "c0"),
        Draft(b, open_room.name, "three", "c1"),
    ) == [
        (2, "one", True),
        "not-connected",
        "not-found",
        "not-found",
        (3, "two", True),
        "not-found",
        (1, "before", False),
        (4, "three", True),
    ]
    assert list(Message.objects.order_by("id").values_list("text", flat=True)) == ["before", "one", "two", "three"]
    assert Room.objects.get(pk=open_room.pk).last_seq == 4
    assert dict(Membership.objects.filter(room=open_room).values_list("user_id", "read_up_to")) == {a.pk: 3, b.pk: 4}
    assert set(Room.objects.exclude(pk=open_room.pk).values_list("last_seq", "last_message_at")) == {(0, None)}


def test_a_client_id_twice_among_several_is_one_message() -> None:
    a, b = alice(), bob()
    room, other = room_of(a, b), room_of(a, carol())
    assert send(
        Draft(a, room.name, "first", "c1"),
        Draft(a, room.name, "second", "c1"),
        Draft(a, other.name, "elsewhere", "c1"),
        Draft(a, room.name, "no id"),
        Draft(a, room.name, "no id"),
    ) == [
        (1, "first", True),
        (1, "first", False),
        (1, "elsewhere", True),
        (2, "no id", True),
        (3, "no id", True),
    ]


def test_an_answer_is_what_is_stored() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    for client_id in ("", "c1", "c1"):
        message, _new = services.send_message(a, room.name, text="Hi %s % $1", client_id=client_id)
        stored = Message.objects.with_names().get(pk=message.pk)
        assert message.payload() == stored.payload()
        assert message.sent_at.utcoffset() == stored.sent_at.utcoffset()
        assert (stored.removed_by, stored.removal_reason) == (message.removed_by, message.removal_reason)


def test_drafts_have_a_text_of_allowed_length() -> None:
    a = alice()
    for text, code in ((" \n", "blank"), ("x" * (LONGEST_MESSAGE + 1), "too-long")):
        with pytest.raises(Invalid) as refusal:
            Draft(a, "room", text)
        assert (refusal.value.code, refusal.value.field) == (code, "message")


def test_several_messages_cost_two_statements(django_assert_num_queries: Callable[[int], Any]) -> None:
    a, b = alice(), bob()
    rooms = [room_of(a, b), room_of(a, carol())]
    with django_assert_num_queries(4):  # with the savepoint
        services.send_messages([Draft(a, room.name, "Hi") for room in rooms for _ in range(20)])
    assert Message.objects.count() == 40


def test_a_message_costs_the_same_in_a_long_chat_of_people_with_many_connections() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    friends = (User(username=f"friend{n}", email=f"friend{n}@example.com", role=a.role) for n in range(2000))
    people = User.objects.bulk_create(friends)
    pairs = [(a, person) for person in people] + [
        pair for n in (1, 2, 3) for pair in zip(people, people[n:], strict=False)
    ]
    accepted = {"status": Connection.Status.ACCEPTED, "responded_at": timezone.now()}
    Connection.objects.bulk_create(Connection(sender=one, receiver=other, **accepted) for one, other in pairs)
    with connection.cursor() as cursor:  # to plan for an average, which is small
        cursor.execute("ANALYZE")
    Message.objects.bulk_create(Message(room=room, seq=n, sender=a, client_id=f"c{n}") for n in range(1, 2001))
    Room.objects.filter(pk=room.pk).update(last_seq=2000)
    with CaptureQueriesContext(connection) as captured:
        services.send_messages([Draft(a, room.name, "Hi", "new"), Draft(b, room.name, "Hi", "new")])
    [writing] = [query["sql"] for query in captured.captured_queries if "INSERT" in query["sql"]]
    assert rows_read(writing) < 40


# --- What changes while a message waits for its room -----------------------------------------------------------------


def block(room: Room, a: User, b: User) -> None:
    Block.objects.create(blocker=b, blocked=a)


def disconnect(room: Room, a: User, b: User) -> None:
    Connection.objects.between(a.pk, b.pk).delete()


def leave(room: Room, a: User, b: User) -> None:
    Membership.objects.filter(room=room, user=a).delete()


def remove_room(room: Room, a: User, b: User) -> None:
    room.delete()


def say_it(room: Room, a: User, b: User) -> None:
    services.send_message(a, room.name, text="Hi", client_id="c1")


def until_blocked() -> None:
    """Until a statement of this database waits for a lock that the present transaction has."""
    with connection.cursor() as cursor:
        found = None
        while not found:
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            found = cursor.fetchone()


def meanwhile(change: Callable[[], Any], action: Callable[[], Any]) -> Future[Any]:
    """`action` begins in another thread, waits, and goes on once `change` is committed, which is done meanwhile."""

    def run() -> Any:
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            list(Room.objects.select_for_update())
            answer = pool.submit(run)
            until_blocked()
            change()
        return answer


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("change", "refusal", "code"),
    [
        (block, Absent, "not-found"),
        (disconnect, Refused, "not-connected"),
        (leave, Absent, "not-found"),
        (remove_room, Absent, "not-found"),
    ],
)
def test_a_right_that_ends_while_a_message_waits_counts(
    change: Callable[[Room, User, User], None], refusal: type[DomainError], code: str
) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    answer = meanwhile(
        lambda: change(room, a, b), lambda: services.send_message(a, room.name, text="Hi", client_id="c1")
    )
    with pytest.raises(refusal) as raised:
        answer.result()
    assert raised.value.code == code
    assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_message_that_was_sent_while_it_waits_is_the_first() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    answer = meanwhile(
        lambda: say_it(room, a, b), lambda: services.send_message(a, room.name, text="Hello", client_id="c1")
    )
    message, is_new = answer.result()
    assert (message.seq, message.text, is_new) == (1, "Hi", False)


@pytest.mark.django_db(transaction=True)
def test_an_account_that_goes_while_its_message_waits_ends_neither() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)

    def run() -> services.Answer:
        try:
            return services.send_messages([Draft(a, room.name, "Hi")])[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=a.pk)
            answer = pool.submit(run)
            until_blocked()
            Membership.objects.filter(user=a).delete()
            User.objects.filter(pk=a.pk).update(username="gone")
        assert result_of(answer.result()) == "not-found"


@pytest.mark.django_db(transaction=True)
def test_batches_of_the_same_rooms_do_not_wait_for_each_other_in_a_circle() -> None:
    a, b = alice(), bob()
    rooms = [room_of(a, b), *(room_of(a, make_user(f"friend{number}")) for number in range(5))]

    def run(number: int) -> list[services.Answer]:
        order = rooms if number % 2 else rooms[::-1]
        try:
            return services.send_messages([Draft(a, room.name, "Hi") for room in order])
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = [answer for batch in pool.map(run, range(30)) for answer in batch]
    assert not [answer for answer in answers if isinstance(answer, DomainError)]
    for room in Room.objects.all():
        numbers = room.messages.order_by("seq").values_list("seq", flat=True)
        assert list(numbers) == list(range(1, room.last_seq + 1)) == list(range(1, 31))
