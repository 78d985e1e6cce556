"""The ground that other tests stand on."""

import pytest
import redis
from django.contrib.auth.models import Group

from apps.notifications.models import Kind, Notification
from apps.users.models import User
from tests import people


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("again", [1, 2])
def test_a_transactional_test_leaves_nothing_behind(again: int) -> None:
    assert not Group.objects.filter(name="Night Watch").exists()
    Group.objects.create(name="Night Watch")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("again", [1, 2])
@pytest.mark.parametrize("count", [1, 3000])
def test_few_rows_and_many_are_gone_after_a_transactional_test(count: int, again: int) -> None:
    assert not User.objects.exists()
    assert not Notification.objects.exists()
    fields = {"recipient": people.alice(), "kind": Kind.NEW_FOLLOWER, "text": "x" * 200}
    Notification.objects.bulk_create(Notification(**fields) for _ in range(count))


@pytest.mark.parametrize("again", [1, 2])
def test_the_broker_is_empty_for_each_test(broker: redis.Redis, again: int) -> None:
    assert broker.get("left") is None
    broker.set("left", "here")


def test_the_outside_cannot_be_reached() -> None:
    import socket

    with pytest.raises(OSError, match="this machine only"):
        socket.create_connection(("192.0.2.1", 80))
