"""Connections: one a pair, answered once, however many try at the same instant."""

from __future__ import annotations

from functools import partial

import pytest

from apps.connections.models import Connection
from apps.connections.permissions import are_connected, connected_ids, relation
from apps.connections.services import answer_connection, delete_connection, request_connection
from apps.errors import Absent, Conflict, Refused
from apps.notifications.models import Kind, Notification
from apps.users.accounts.relationships import block
from apps.users.models import User
from tests.people import alice, bob, carol
from tests.races import at_once, lost, won


@pytest.mark.django_db(transaction=True)
def test_twenty_requests_in_both_directions_make_one_connection() -> None:
    a, b = alice(), bob()
    one_way, other_way = partial(request_connection, a, b.pk), partial(request_connection, b, a.pk)
    results = at_once([one_way, other_way] * 10)
    assert len(won(results)) == 1
    assert lost(results) == {(Conflict, "already-requested")}
    assert Connection.objects.count() == 1
    assert Notification.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_twenty_answers_counts() -> None:
    a, b = alice(), bob()
    connection = request_connection(a, b.pk)
    results = at_once(
        [partial(answer_connection, b, connection.pk, status=status) for status in ("accepted", "rejected") * 10]
    )
    [winner] = won(results)
    assert lost(results) == {(Conflict, "already-answered")}
    connection.refresh_from_db()
    assert connection.status == winner.status
    assert connection.history.count() == 2


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_twenty_deletions_deletes() -> None:
    a, b = alice(), bob()
    connection = request_connection(a, b.pk)
    results = at_once([partial(delete_connection, person, connection.pk) for person in (a, b) * 10])
    assert won(results) == [None]
    assert lost(results) == {(Absent, "not-found")}


@pytest.mark.django_db
class TestRelations:
    def test_relations_are_seen_from_either_side(self) -> None:
        a, b = alice(), bob()
        assert relation(a, b) is None
        connection = request_connection(a, b.pk)
        assert (relation(a, b), relation(b, a)) == ("pending_sent", "pending_received")
        answer_connection(b, connection.pk, status="accepted")
        assert (relation(a, b), relation(b, a)) == ("accepted", "accepted")
        assert are_connected(b.pk, a.pk)

    def test_accepted_requests_alone_connect(self) -> None:
        a, b, c = alice(), bob(), carol()
        accepted, rejected = request_connection(a, b.pk), request_connection(c, a.pk)
        assert list(connected_ids(a)) == []
        answer_connection(b, accepted.pk, status="accepted")
        answer_connection(a, rejected.pk, status="rejected")
        assert list(connected_ids(a)) == [b.pk]
        assert list(connected_ids(b)) == [a.pk]
        assert list(connected_ids(c)) == []
        assert relation(c, a) == "rejected"

    def test_the_sender_may_not_answer(self) -> None:
        a, b = alice(), bob()
        with pytest.raises(Refused):
            answer_connection(a, request_connection(a, b.pk).pk, status="accepted")

    def test_the_sender_hears_of_yes_and_not_of_no(self) -> None:
        a, b, c = alice(), bob(), carol()
        answer_connection(b, request_connection(a, b.pk).pk, status="accepted")
        answer_connection(c, request_connection(a, c.pk).pk, status="rejected")
        [notification] = Notification.objects.filter(recipient=a)
        assert notification.kind == Kind.CONNECTION_ACCEPTED
        assert "bob" in notification.text

    def test_history_says_who_and_why(self) -> None:
        a, b = alice(), bob()
        connection = request_connection(a, b.pk)
        answer_connection(b, connection.pk, status="accepted")
        delete_connection(a, connection.pk)
        versions = Connection.history.filter(id=connection.pk).order_by("history_id")
        assert [(version.history_user, version.action) for version in versions] == [
            (a, "connection.requested"),
            (b, "connection.accepted"),
            (a, "connection.deleted"),
        ]

    def test_a_block_hides_the_connection_from_both(self) -> None:
        a, b = alice(), bob()
        connection = request_connection(a, b.pk)
        block(User.objects.get(pk=b.pk), "alice")
        for person in (a, b):
            with pytest.raises(Absent):
                delete_connection(person, connection.pk)
        with pytest.raises(Absent):
            request_connection(a, b.pk)
