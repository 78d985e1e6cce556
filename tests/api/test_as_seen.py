"""What staff are shown of a user's view of the platform is what the API answers that user, and writes nothing."""

from __future__ import annotations

import pytest
from django.db import InternalError, connection, transaction

from api import as_seen
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.errors import Absent, Invalid, Refused
from apps.users.accounts.access_log import record_impersonation
from apps.users.models import User
from tests import people
from tests.client import api
from tests.factories import make_connection, make_event, make_message, make_notification, make_story

pytestmark = pytest.mark.django_db
BASE = "http://testserver"


@pytest.fixture
def alice() -> User:
    alice, bob = people.alice(), people.bob()
    make_connection(alice, bob)
    make_message(alice, bob)
    make_story(bob)
    make_event(alice)
    make_notification(alice)
    return alice


def test_every_list_answers_as_it_answers_the_person(alice: User) -> None:
    alice_app = api(alice)
    answers = as_seen.answers_for(alice, as_seen.lists(), base=BASE)
    assert {answer.path for answer in answers} >= {"/api/users", "/api/stories", "/api/chat/rooms", "/api/connections"}
    for answer in answers:
        own = alice_app.get(answer.path.removeprefix("/api"))
        assert (answer.status, _shape(answer.body)) == (own.status_code, _shape(own.json())), answer.path
        assert answer.operation in as_seen.operations()
    assert any(answer.body.get("count") for answer in answers)


def test_objects_are_found_by_their_api_calls(alice: User) -> None:
    story = make_story(alice)
    assert as_seen.addresses_of("stories", story.pk) == [f"/api/stories/{story.pk}", f"/api/stories/{story.pk}/viewers"]
    mine, viewers = as_seen.answers_for(alice, as_seen.addresses_of("stories", story.pk), base=BASE)
    assert (mine.status, viewers.status) == (200, 200)
    strange, _viewers = as_seen.answers_for(people.carol(), as_seen.addresses_of("stories", 10**9), base=BASE)
    assert strange.status == 404


def test_viewing_as_a_user_cannot_write(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.notifications import services

    def writes(user: User) -> int:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(phone="1")
        return 0

    monkeypatch.setattr(services, "unread_count", writes)
    [failed, fine] = as_seen.answers_for(alice, ["/api/notifications/unread_count", "/api/users/profile"], base=BASE)
    assert (failed.status, fine.status) == (500, 200)
    alice.refresh_from_db()
    assert alice.phone != "1"


def test_writing_goes_on_afterwards(alice: User) -> None:
    as_seen.answers_for(alice, ["/api/users/profile"], base=BASE)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("off",)
    except InternalError:
        pytest.fail("The transaction stayed read-only.")


@pytest.mark.parametrize(("state", "status"), [({"is_active": False}, 401), ({"identity_verified": False}, 403)])
def test_viewing_as_a_blocked_account_shows_the_denial(alice: User, state: dict[str, bool], status: int) -> None:
    User.objects.filter(pk=alice.pk).update(**state)
    alice.refresh_from_db()
    [answer] = as_seen.answers_for(alice, ["/api/chat/rooms"], base=BASE)
    assert answer.status == status


def test_viewing_as_a_user_spends_no_rate_limit(alice: User, settings: pytest.MonkeyPatch) -> None:
    settings.LIMITS = settings.LIMITS | {"default": (1, 60)}
    paths = ["/api/users/profile"] * 3
    assert {answer.status for answer in as_seen.answers_for(alice, paths, base=BASE)} == {200}
    assert api(alice).get("/users/profile").status_code == 200


def test_a_view_as_user_needs_the_permission_and_a_reason_and_is_recorded(alice: User) -> None:
    support = people.support()
    with pytest.raises(Refused):
        record_impersonation(people.community(), alice.pk, reason="curious")
    with pytest.raises(Invalid):
        record_impersonation(support, alice.pk, reason="  ")
    with pytest.raises(Refused):
        record_impersonation(support, people.admin().pk, reason="curious")
    with pytest.raises(Absent):
        record_impersonation(support, 10**9, reason="curious")
    assert not Entry.objects.filter(verb=Action.IMPERSONATED).exists()
    assert record_impersonation(support, alice.pk, reason="cannot see a story") == alice
    entry = Entry.objects.get(verb=Action.IMPERSONATED)
    assert (entry.actor, entry.target_id, entry.reason) == (support, str(alice.pk), "cannot see a story")


def _shape(value: object) -> object:
    """Without what differs from call to call: the second in signed addresses, and which login is the caller's."""
    if isinstance(value, dict):
        return {name: _shape(part) for name, part in value.items() if name != "current"}
    if isinstance(value, list):
        return [_shape(part) for part in value]
    return value.split("/media/")[0] if isinstance(value, str) else value
