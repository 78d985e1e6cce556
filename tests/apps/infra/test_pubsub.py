from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer
from django.conf import settings as django_settings
from django.db import transaction

from apps.infra import pubsub
from config.layers import channel_layers
from tests.api.realtime.processes import Broker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard(broker: Any) -> Iterator[Any]:
    with listening(broker) as pubsub:
        yield pubsub


@contextmanager
def listening(broker: redis.Redis) -> Iterator[Any]:
    with broker.pubsub(ignore_subscribe_messages=False) as pubsub:
        pubsub.subscribe(f"{django_settings.BROADCAST_PREFIX}__group__room.1")
        assert pubsub.get_message(timeout=5)["type"] == "subscribe"
        yield pubsub


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> pubsub._Sender:
    """One that finds the broker where the test puts it."""
    sender = pubsub._Sender()
    monkeypatch.setattr(pubsub, "_sender", sender)
    return sender


def next_of(pubsub: Any) -> Any:
    message = pubsub.get_message(timeout=5)
    assert message is not None
    content = get_channel_layer().deserialize(message["data"])
    assert (content["type"], content["group"]) == ("broadcast", "room.1")
    return json.loads(content["content"])


def test_publications_are_sent_in_order_after_commit(heard: Any) -> None:
    with transaction.atomic():
        pubsub.publish("room.1", {"seq": 2})
        with transaction.atomic():
            pubsub.publish("room.1", {"seq": 3})
        assert heard.get_message(timeout=0.05) is None
    pubsub.publish("room.1", {"seq": 4})
    assert [next_of(heard)["seq"] for _ in range(3)] == [2, 3, 4]


def test_publications_rolled_back_are_never_sent(heard: Any) -> None:
    with transaction.atomic():
        pubsub.publish("room.1", {"seq": 1})
        transaction.set_rollback(True)
    pubsub.publish("room.1", {"seq": 2})
    assert next_of(heard) == {"seq": 2}


def test_publishing_without_a_broker_is_quick_and_logged_once(
    sender: pubsub._Sender, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHANNEL_LAYERS = channel_layers(["unix:///nowhere.sock"], settings.BROADCAST_PREFIX)
    with caplog.at_level(logging.WARNING, "apps.infra.pubsub"):
        started = time.monotonic()
        for seq in range(pubsub.WAITING * 2):
            pubsub.publish("room.1", {"seq": seq, "message": "private"})
        assert time.monotonic() - started < 5
        sender._finish()
    lines = [record.getMessage() for record in caplog.records if record.name == "apps.infra.pubsub"]
    assert len(lines) == 1
    assert "private" not in lines[0]


def test_publishing_reconnects_to_a_returned_broker(
    sender: pubsub._Sender, settings: Any, heard: Any, broker: Any
) -> None:
    pubsub.publish("room.1", {"seq": 1})
    assert next_of(heard) == {"seq": 1}
    # Whatever connection it had is gone by the time it has something to say again.
    broker.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    pubsub.publish("room.1", {"seq": 2})
    assert next_of(heard) == {"seq": 2}


def test_the_sender_goes_on_after_a_fault_of_the_layer(
    sender: pubsub._Sender, heard: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pubsub, "get_channel_layer", lambda: None)
        pubsub.publish("room.1", {"seq": 1})
        while "could not be sent" not in caplog.text:
            assert sender._thread is not None
            assert sender._thread.is_alive()
    pubsub.publish("room.1", {"seq": 2})
    assert next_of(heard) == {"seq": 2}


@pytest.mark.parametrize("by", ["path", "host name"])
def test_a_command_that_ends_has_had_its_say(by: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Broker(tmp_path, port=port) as broker, redis.Redis.from_url(broker.url) as client, listening(client) as heard:
        say_in_a_command(broker.url if by == "path" else f"redis://localhost:{port}")
        assert next_of(heard) == {"seq": 7}


def say_in_a_command(url: str) -> None:
    script = f"""
from django.conf import settings
from config.layers import channel_layers
from tests.api.realtime.processes import Broker
settings.CHANNEL_LAYERS = channel_layers([{url!r}], {django_settings.BROADCAST_PREFIX!r})
settings.DATABASES["default"] = {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
from apps.infra import pubsub
pubsub.publish("room.1", {{"seq": 7}})
"""
    subprocess.run([sys.executable, "-c", script], check=True)
