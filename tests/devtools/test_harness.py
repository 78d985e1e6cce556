"""The ground that other tests stand on."""

import pytest
import redis
from django.contrib.auth.models import Group


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("again", [1, 2])
def test_a_transactional_test_leaves_nothing_behind(again: int) -> None:
    assert not Group.objects.filter(name="Night Watch").exists()
    Group.objects.create(name="Night Watch")


@pytest.mark.parametrize("again", [1, 2])
def test_the_broker_is_empty_for_each_test(broker: redis.Redis, again: int) -> None:
    assert broker.get("left") is None
    broker.set("left", "here")


def test_the_outside_cannot_be_reached() -> None:
    import socket

    with pytest.raises(OSError, match="this machine only"):
        socket.create_connection(("192.0.2.1", 80))
