"""Writers of the same rows at once: none waits for another, and none overlooks what another has not committed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from psycopg import Connection

from apps.events.models import TALLIED, Event
from apps.events.services import _events
from apps.tallies.services import FOLD, fold, recount, recounted
from apps.users.models import User
from tests import people
from tests.factories import make_event, make_story
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

EVENT = """
    INSERT INTO events_event (host_id, title, description, date, ends_at, location, status, created_at, removal_reason)
    VALUES (%s, 'Launch', '', now(), now() + interval '1 hour', 'Here', 'active', now(), '')
"""


@contextmanager
def session() -> Iterator[Connection]:
    """Another connection, in a transaction that is committed at the end."""
    given: Any = connection.get_connection_params()
    params = {name: given[name] for name in ("host", "port", "user", "password", "dbname") if name in given}
    with psycopg.connect(**params) as other:
        yield other


def waits(other: Connection, text: str, *params: Any) -> bool:
    """Whether the statement waits for a lock; it is then undone."""
    try:
        with other.transaction():
            other.execute("SET LOCAL lock_timeout = '100ms'")
            other.execute(text, params)
    except psycopg.errors.LockNotAvailable:
        return True
    return False


@pytest.fixture
def host() -> User:
    host = people.alice()
    make_event(host)
    return host


def is_waiting(other: Connection) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [other.info.backend_pid])
        return bool(cursor.fetchone()[0])


def consistent() -> bool:
    return recount(TALLIED) == 0 and _events(AnonymousUser(), when="all").count() == (
        Event.objects.filter(host__is_active=True, removed_at=None).count()
    )


def test_two_writers_of_one_host_do_not_wait_for_each_other(host: User) -> None:
    with session() as one, session() as other:
        one.execute(EVENT, [host.pk])
        assert not waits(other, EVENT, host.pk)
        assert not waits(other, "UPDATE events_event SET removed_at = now()")
    assert consistent()


DEACTIVATE = "UPDATE users_user SET is_active = false WHERE id = %s"


@pytest.mark.parametrize(
    "write", [EVENT, "UPDATE events_event SET removed_at = now() WHERE host_id = %s"], ids=["posted", "removed"]
)
def test_deactivating_a_host_waits_for_writers_of_their_events(host: User, write: str) -> None:
    with session() as writer, session() as officer:
        writer.execute(write, [host.pk])
        assert waits(officer, DEACTIVATE, host.pk)
        writer.commit()
        officer.execute(DEACTIVATE, [host.pk])
    assert consistent()


@pytest.mark.parametrize("activates", [False, True], ids=["deactivated", "activated"])
def test_writing_events_waits_for_the_switch_of_their_host(host: User, activates: bool) -> None:
    User.objects.filter(pk=host.pk).update(is_active=not activates)
    with session() as writer, session() as officer:
        officer.execute("UPDATE users_user SET is_active = NOT is_active WHERE id = %s", [host.pk])
        assert waits(writer, EVENT, host.pk)
        # What does not begin or cease to count waits for nobody.
        assert not waits(writer, "UPDATE events_event SET title = 'Renamed'")
        officer.commit()
        writer.execute(EVENT, [host.pk])
    assert consistent()


def test_a_writer_who_has_waited_sees_the_switch_of_the_host(host: User) -> None:
    with session() as officer:
        officer.execute(DEACTIVATE, [host.pk])
        with ThreadPoolExecutor(1) as pool, session() as writer:
            posted = pool.submit(writer.execute, EVENT, [host.pk])
            assert any(is_waiting(writer) for _ in range(10_000))
            officer.commit()
            posted.result()
    assert consistent()


def test_folding_passes_over_parts_that_are_being_added_to(host: User) -> None:
    with session() as writer:
        writer.execute(EVENT, [host.pk])
        with session() as other:
            assert not waits(other, FOLD)
    assert consistent()
    fold()
    assert consistent()


def test_a_tally_is_filled_while_others_write(host: User) -> None:
    with session() as writer:
        writer.execute(EVENT, [host.pk])
        with session() as other:
            assert not waits(other, recounted(TALLIED))
    assert consistent()


def test_eight_writers_at_once_count_exactly(host: User) -> None:
    users = [host, *(people.make_user(f"user{number}") for number in range(3))]

    def write(number: int) -> None:
        for turn in range(12):
            owner = users[(number + turn) % len(users)]
            event = make_event(owner, in_hours=turn * 5)
            make_story(owner)
            if turn % 4 == 1:
                fold()
            if turn % 3 == 0:
                Event.objects.filter(pk=event.pk).update(title="Renamed")
            if turn % 3 == 1:
                event.delete()
            if turn % 6 == 2:
                User.objects.filter(pk=owner.pk).update(is_active=number % 2 == 0)

    at_once([lambda number=number: write(number) for number in range(8)])
    assert consistent()
