from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import models
from django.db.models import Count, F, Max, Q
from django.utils import timezone

from apps.chat.models import Message, Room
from apps.connections.models import Connection
from apps.events.models import Event, Participation
from apps.moderation.models import Appeal, Case, Report, Strike
from apps.notifications.models import Notification
from apps.review.decisions.models import Decision
from apps.stories.models import LIFETIME, Story
from apps.users.models import CLIENT_ROLES, Document, Profile, User
from apps.users.names import skeleton_key
from demo.seed import FILLED, seed
from demo.seeding.amounts import Amounts
from tests import people


def run(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("seed", *arguments, "--yes-really", stdout=out)
    sample: dict[str, Any] = json.loads(out.getvalue())
    return sample


@pytest.mark.django_db(transaction=True)
def test_seed_fills_all_tables_as_asked() -> None:
    sample = run(
        *("--users", "30", "--events", "40", "--stories", "25", "--messages", "500", "--documents", "70"),
        *("--connections-per-user", "5", "--notifications-per-user", "4", "--reports", "200"),
    )

    assert Report.objects.count() == 200
    assert Case.objects.open().count() == 8
    assert not Report.objects.exclude(status=F("case__status")).exists()
    decided = Decision.objects.filter(verb="case.settled").count(), Case.objects.exclude(status="open").count()
    assert decided == (72, 72)
    assert Strike.objects.count() == Case.objects.exclude(status="open").exclude(outcomes=["kept"]).count()
    assert {*Appeal.objects.values_list("status", flat=True)} == {"open", "upheld"}
    documents = Document.objects.exclude(status="pending")
    assert Decision.objects.filter(target_type="users.document").count() == documents.count() > 0
    assert User.objects.staff().count() == 2
    assert {model: model.objects.count() for model in (User, Event, Story, Message, Document)} == {
        User: 32, Event: 40, Story: 25, Message: 500, Document: 70,
    }  # fmt: skip
    assert Profile.objects.count() == 30
    users = User.objects.clients().order_by("id")
    assert [user.username for user in users] == [f"user{number:06d}" for number in range(30)]
    assert all(user.identity_verified and user.check_password("infloo-demo") for user in users)
    assert all(user.username_skeleton == skeleton_key(user.username) for user in User.objects.all())
    assert {user.role for user in users} == {*CLIENT_ROLES}

    assert {Connection.objects.accepted().of(user.pk).count() for user in users} == {5}
    assert {user.notifications.count() for user in users} == {4}
    assert Story.objects.active().count() == 25
    assert all(story.expires_at - story.created_at == LIFETIME for story in Story.objects.all())
    assert all(Event.objects.when(when).exists() for when in ("past", "ongoing", "upcoming"))
    assert not Participation.objects.filter(user=F("event__host")).exists()
    assert {*Document.objects.values_list("status", flat=True)} == {*Document.Status.values}
    for stored in (Story.objects.first().content_file, Document.objects.first().file):
        assert default_storage.exists(str(stored.name))

    numbers = Room.objects.annotate(count=Count("messages"), highest=Max("messages__seq"))
    assert all(last == count == highest for last, count, highest in numbers.values_list("last_seq", "count", "highest"))
    for room in Room.objects.prefetch_related("memberships"):
        one, other = (membership.user_id for membership in room.memberships.all())
        assert Connection.objects.accepted().between(one, other).exists()
        assert {*room.messages.values_list("sender", flat=True)} <= {one, other}
    assert not Message.objects.filter(Q(sent_at__gt=timezone.now()) | Q(text="")).exists()

    assert sample["usernames"][:2] == ["user000000", "user000001"]
    assert set(sample["rooms"]) <= {*Room.objects.values_list("name", flat=True)}
    kinds = {"users": User, "events": Event, "stories": Story, "documents": Document, "notifications": Notification}
    for name, model in kinds.items():
        assert model._default_manager.filter(pk__in=sample[name]).count() == 10


@pytest.mark.django_db(transaction=True)
def test_the_same_amounts_give_the_same_data() -> None:
    amounts = Amounts(users=12, events=8, stories=5, messages=200, documents=20, notifications_per_user=3, reports=60)
    seed(amounts)
    first = dict(contents())
    empty()
    seed(amounts)
    assert dict(contents()) == first


@pytest.mark.django_db(transaction=True)
def test_rows_after_the_seed_get_new_ids() -> None:
    run("--users", "3", "--events", "2", "--messages", "4")
    alice = people.alice()
    assert alice.pk > max(User.objects.exclude(pk=alice.pk).values_list("pk", flat=True))
    Event.objects.create(host=alice, title="Launch", date=timezone.now(), location="Online")
    Room.objects.create()


@pytest.mark.django_db(transaction=True)
def test_seed_runs_once() -> None:
    run("--users", "3")
    with pytest.raises(CommandError, match="user000000 exists"):
        run("--users", "5")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("users", [1, 2, 3])
def test_few_users_are_no_trouble(users: int) -> None:
    run("--users", str(users), "--events", "5", "--stories", "5", "--documents", "9", "--notifications-per-user", "2")
    assert Connection.objects.count() == {1: 0, 2: 1, 3: 3}[users]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--users", "0"], "--users must be from 1 to"),
        (["--users", "1000001"], "--users must be from 1 to"),
        (["--messages", "-1"], "--messages cannot be below 0"),
        (["--users", "5", "--connections-per-user", "5"], "there are 4 others"),
        (["--users", "5", "--reports", "51"], "one for 10 of them"),
        (["--messages", "5", "--connections-per-user", "0"], "only connected people talk"),
    ],
)
def test_seed_explains_invalid_amounts(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)


def test_seed_needs_confirmation_without_debug() -> None:
    with pytest.raises(CommandError, match="--yes-really"):
        call_command("seed", "--users", "3")


def contents() -> Iterator[tuple[str, Any]]:
    """Every seeded column but ids, which go on, the names that storage gives, and times, which follow the clock."""
    for model in FILLED:
        names = [
            field.attname
            for field in model._meta.concrete_fields
            if not isinstance(field, models.DateTimeField | models.FileField | models.ForeignKey | models.AutoField)
            and field.attname not in ("target_id", "direct_key")
        ]
        yield model.__name__, list(model._default_manager.order_by("pk").values_list(*names))


def empty() -> None:
    for model in reversed(FILLED):
        model._default_manager.all().delete()
