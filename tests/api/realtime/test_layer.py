"""The channel layer under the sockets: what is lost on the way, and how it is found again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubLoopLayer
from django.conf import settings as django_settings
from django.db import connection

from api.realtime import channel
from api.realtime.channel import Channel
from apps.chat.models import Message, Room
from apps.infra.owner import as_owner
from apps.infra.pubsub import _Sender, server_of
from apps.users.models import User
from config.layers import TIMEOUTS, broadcast_prefix, channel_layers
from tests.api.realtime.client import Client, chat, notifications
from tests.api.realtime.processes import PROGRAMS, Broker, SocketProcess
from tests.apps.chat.people import room_of
from tests.people import make_user

# --- One process ----------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "BEAT_EVERY", 0.1)


@asynccontextmanager
async def subscribed(settings: Any, *urls: str) -> AsyncIterator[tuple[Channel, list[Any], list[str]]]:
    """A subscription to servers at `urls`, what it has heard, and a note for each gap that it reported."""
    settings.CHANNEL_LAYERS = channel_layers(urls, "test-layer")
    heard: list[Any] = []
    gaps: list[str] = []
    one = Channel(lambda group, content: heard.append((group, content)), on_gap=lambda: gaps.append("gap"))
    running = asyncio.create_task(one.run())
    try:
        yield one, heard, gaps
    finally:
        running.cancel()
        await get_channel_layer().flush()


async def until(is_true: Callable[[], Any], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "It never came."
        await asyncio.sleep(0.02)


async def send(group: str, content: str) -> None:
    await get_channel_layer().group_send(group, {"type": "broadcast", "group": group, "content": content})


async def until_heard(heard: list[Any], group: str) -> None:
    """Send to `group` until one of the messages comes."""
    end = time.monotonic() + 15
    while not any(where == group for where, _content in heard):
        assert time.monotonic() < end, "It never came."
        with suppress(redis.RedisError, OSError):
            await send(group, "1")
        await asyncio.sleep(0.05)


async def test_a_group_that_could_not_be_joined_is_joined_once_valkey_is_there(
    settings: Any, quick: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(tmp_path)
    async with subscribed(settings, broker.url) as (one, heard, gaps):
        await one.join("early")
        await until(lambda: one._servers[0].is_down)
        with broker:
            await until_heard(heard, "early")
            assert gaps, "what was sent before may be missing"
            broker.kill()
            await until(lambda: one._servers[0].is_down)
            await one.join("late")
            broker.start()
            await until_heard(heard, "late")
            await until(lambda: not one._servers[0].is_down)
    lines = [record.getMessage() for record in caplog.records if record.name == channel.__name__]
    assert lines.count("Valkey answers again.") == 2
    assert len(lines) == 4, "once for each time that it was away, and no traceback"


async def test_a_group_that_was_left_while_it_was_being_joined_is_not_heard(
    settings: Any, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Broker(tmp_path) as broker:
        async with subscribed(settings, broker.url) as (one, heard, _gaps):
            await one.join("stays")
            await until_heard(heard, "stays")
            add = one._layer.group_add

            async def add_slowly(group: str, channel: str) -> None:
                await asyncio.sleep(0.01)
                await add(group, channel)

            monkeypatch.setattr(one._layer, "group_add", add_slowly)
            await asyncio.gather(one.join("comes"), one.leave("comes"), one.join("comes"), one.leave("comes"))
            await asyncio.gather(one.leave("stays"), one.join("stays"))
            with redis.Redis.from_url(broker.url) as client:
                groups = [name for name in client.pubsub_channels() if b"__group__" in name]
            assert [name for name in groups if b"beat" not in name] == [b"test-layer__group__stays"]


async def test_a_message_that_cannot_be_read_does_not_delay_others(settings: Any, quick: None, tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with subscribed(settings, broker.url) as (one, heard, _gaps):
            await one.join("room")
            await until_heard(heard, "room")
            for content in ("not JSON", '"fine"'):
                await send("room", content)
            await until(lambda: ("room", "fine") in heard)


class Proxy:
    """Stands between, and can stop to carry without closing a connection, as a network does that drops packets."""

    def __init__(self, broker: Broker) -> None:
        self.path = broker.url.removeprefix("unix://")
        self.is_frozen: set[int] = set()
        self.hangs = False
        self.count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    def hang(self) -> None:
        """Take connections, and carry nothing any more, neither over these nor over those that there are."""
        self.hangs = True

    def freeze(self) -> None:
        """Carry nothing more over the connections that there are by now."""
        self.is_frozen = set(range(self.count))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.count = self.count, self.count + 1
        there_reader, there_writer = await asyncio.open_unix_connection(self.path)
        for here, there in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._carry(number, here, there))
            self._tasks.add(task)

    async def _carry(self, number: int, here: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        while data := await here.read(65536):
            if number not in self.is_frozen and not self.hangs:
                there.write(data)
        there.close()


async def test_a_connection_that_falls_silent_is_opened_anew(settings: Any, quick: None, tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with Proxy(broker) as proxy, subscribed(settings, proxy.url) as (one, heard, _gaps):
            await one.join("room")
            await until_heard(heard, "room")
            heard.clear()
            proxy.freeze()
            await until_heard(heard, "room")


async def test_sockets_do_not_wait_one_after_another_for_a_server_that_hangs(
    settings: Any, quick: None, tmp_path: Path
) -> None:
    with Broker(tmp_path) as broker:
        async with Proxy(broker) as proxy, subscribed(settings, proxy.url) as (one, heard, _gaps):
            await one.join("room")
            await until_heard(heard, "room")
            proxy.hang()
            broker.kill()  # so that the layer has to connect again
            broker.start()
            connections = proxy.count
            await until(lambda: proxy.count > connections)
            started = time.monotonic()
            await asyncio.gather(*(one.join(f"room{number}") for number in range(20)))
            in_turn = 20 * TIMEOUTS["channel"]
            assert time.monotonic() - started < in_turn / 2
            proxy.hangs = False
            heard.clear()
            await until_heard(heard, "room7")


# --- Two servers ----------------------------------------------------------------------------------------------------


def one_for_each(settings: Any) -> list[str]:
    """A group of the first server, and one of the second."""
    return [next(name for n in range(99) if server_of(name := f"room.{n}") == number) for number in (0, 1)]


def test_groups_are_shared_out_as_the_layer_does(settings: Any) -> None:
    urls = [f"redis://server{number}.example" for number in range(3)]
    settings.CHANNEL_LAYERS = channel_layers(urls, "test-layer")
    layer = RedisPubSubLoopLayer(**settings.CHANNEL_LAYERS["default"]["CONFIG"])
    for number in range(200):
        group = f"room.{number}"
        shard = layer._get_shard(layer._get_group_channel_name(group))
        assert layer._shards.index(shard) == server_of(group)


async def test_a_server_that_is_away_does_not_delay_others(settings: Any, quick: None, tmp_path: Path) -> None:
    away = Broker(tmp_path / "away")
    with Broker(tmp_path / "there") as there:
        async with subscribed(settings, there.url, away.url) as (one, heard, _gaps):
            here, elsewhere = one_for_each(settings)
            await asyncio.gather(one.join(elsewhere), one.join(here))
            await until_heard(heard, here)
            await until(lambda: one._servers[1].is_down)
            assert not one._servers[0].is_down
            with away:
                await until_heard(heard, elsewhere)
                await until(lambda: not one._servers[1].is_down)


async def test_a_connection_to_either_of_two_servers_that_falls_silent_is_opened_anew(
    settings: Any, quick: None, tmp_path: Path
) -> None:
    with Broker(tmp_path / "one") as broker, Broker(tmp_path / "other") as other:
        async with (
            Proxy(broker) as first,
            Proxy(other) as second,
            subscribed(settings, first.url, second.url) as (one, heard, _gaps),
        ):
            for proxy, group in zip((first, second), one_for_each(settings), strict=True):
                await one.join(group)
                await until_heard(heard, group)
                heard.clear()
                proxy.freeze()
                await until_heard(heard, group)


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
async def test_messages_through_one_server_do_not_wait_for_another(
    settings: Any, quick: None, tmp_path: Path, trouble: str
) -> None:
    with Broker(tmp_path / "one") as broker, Broker(tmp_path / "other") as other:
        async with Proxy(other) as proxy, subscribed(settings, broker.url, proxy.url) as (one, heard, _gaps):
            here, elsewhere = one_for_each(settings)
            await one.join(here)
            await until_heard(heard, here)
            if trouble == "hangs":
                proxy.hang()
            else:
                other.kill()
            sender = _Sender()
            for number in range(300):
                sender.put(elsewhere, "0")
                sender.put(here, str(number))
            await until(lambda: heard and heard[-1] == (here, 299))
            numbers = [content for group, content in heard if group == here]
            assert numbers[-300:] == list(range(300))
            await asyncio.to_thread(sender._finish)


# --- Several processes ----------------------------------------------------------------------------------------------

MESSAGES = 40


@pytest.fixture
def rooms(transactional_db: None) -> list[tuple[User, User, Room]]:
    """Eight pairs of people, each with a room: numbered from 1, so that two servers have some each."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('chat_room', 'id'), 1, false)")
    return make_rooms("")


def make_rooms(names: str) -> list[tuple[User, User, Room]]:
    pairs = [(make_user(f"{names}left{number}"), make_user(f"{names}right{number}")) for number in range(8)]
    return [(left, right, room_of(left, right)) for left, right in pairs]


def speak(client: Client) -> None:
    """Say so much, each once the one before has come back."""
    for number in range(MESSAGES):
        client.send(message="Hi", client_id=f"c{number}")
        assert client.next()["client_id"] == f"c{number}"


def chat_through(
    loss: Sequence[Callable[[], None]], one: SocketProcess, other: SocketProcess, rooms: list[tuple[User, User, Room]]
) -> None:
    """Talk in all the rooms, from one process to the other, while each of `loss` happens: nothing lost or doubled."""
    with ExitStack() as stack:
        speakers = [stack.enter_context(chat(one.url, left, room)) for left, _right, room in rooms]
        listeners = [stack.enter_context(chat(other.url, right, room)) for _left, right, room in rooms]
        pool = stack.enter_context(ThreadPoolExecutor(2 * len(rooms)))
        speaking = [pool.submit(speak, client) for client in speakers]
        witness, *others = listeners
        hearing = [pool.submit(client.hear_seqs, MESSAGES) for client in others]
        seqs = []
        for happen in loss:
            seqs += witness.hear_seqs(MESSAGES // (len(loss) + 1))
            happen()
        seqs += witness.hear_seqs(MESSAGES - len(seqs))
        for future in speaking:
            future.result()
        for heard in (seqs, *(future.result() for future in hearing)):
            assert heard == list(range(1, MESSAGES + 1))
        for client in (*speakers, *listeners):
            client.expect_nothing()
    sent = Message.objects.filter(room__in=[room for _left, _right, room in rooms])
    assert sent.count() == MESSAGES * len(rooms)


def restart(broker: Broker) -> None:
    broker.kill()
    broker.start()


@dataclass(frozen=True)
class Scene:
    """Two processes and their broker, which keeps what it was sent, or may give its place to one that does not."""

    keeping: Broker
    forgetting: Broker
    one: SocketProcess
    other: SocketProcess


@pytest.fixture(scope="module", params=PROGRAMS)
def scene(
    request: pytest.FixtureRequest, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder, program = tmp_path_factory.mktemp("layer"), PROGRAMS[request.param]
    keeping, forgetting = (Broker(folder, keeps=keeps, program=program) for keeps in (True, False))
    with keeping, SocketProcess(keeping) as one, SocketProcess(keeping) as other:
        yield Scene(keeping, forgetting, one, other)


@pytest.mark.django_db(transaction=True)
def test_a_process_has_one_channel_however_many_sockets_it_serves(
    rooms: list[tuple[User, User, Room]], scene: Scene
) -> None:
    with ExitStack() as stack:
        # A process is in no group before its first socket.
        stack.enter_context(notifications(scene.other.url, rooms[0][0])).expect_nothing()
        for left, right, room in rooms:
            for client in (chat(scene.one.url, left, room), chat(scene.one.url, right, room)):
                stack.enter_context(client).expect_nothing()
            stack.enter_context(notifications(scene.one.url, left)).expect_nothing()
        with redis.Redis.from_url(scene.keeping.url) as client:
            names = [name.decode() for name in client.pubsub_channels()]
    prefix = f"{django_settings.BROADCAST_PREFIX}__group__"
    groups = {name.removeprefix(prefix) for name in names if name.startswith(prefix) and "beat" not in name}
    people = {f"person.{left.pk}" for left, _right, _room in rooms}
    assert groups == {"recheck"} | {f"room.{room.pk}" for _left, _right, room in rooms} | people
    assert len(names) == len(groups) + 2 * 2, "of each process its own channel and its beat"


@pytest.mark.django_db(transaction=True)
def test_a_restart_under_load_loses_and_doubles_nothing(rooms: list[tuple[User, User, Room]], scene: Scene) -> None:
    one, other, keeping, forgetting = scene.one, scene.other, scene.keeping, scene.forgetting
    chat_through([lambda: restart(keeping)] * 2, one, other, rooms)
    keeping.kill()
    with forgetting:
        chat_through([lambda: restart(forgetting)] * 2, one, other, make_rooms("other-"))


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[tuple[Broker, Broker]]:
    with Broker(tmp_path / "one") as one, Broker(tmp_path / "other") as other:
        yield one, other


@pytest.mark.django_db(transaction=True)
def test_several_servers_share_the_groups_and_the_loss_of_one_is_made_good(
    brokers: tuple[Broker, Broker], rooms: list[tuple[User, User, Room]]
) -> None:
    with SocketProcess(*brokers) as one, SocketProcess(*brokers) as other:

        def both_carry() -> None:
            for broker in brokers:
                with redis.Redis.from_url(broker.url) as client:
                    assert [name for name in client.pubsub_channels() if b"room." in name]

        chat_through([both_carry, lambda: restart(brokers[1]), lambda: restart(brokers[0])], one, other, rooms)


def test_installations_in_numbered_databases_of_one_server_do_not_hear_each_other() -> None:
    urls = ["redis://broker", "redis://:secret@broker:6379/1", "unix:///broker.sock?db=2", "rediss://broker/12"]
    prefixes = [broadcast_prefix(url) for url in urls]
    assert prefixes == ["infloo", "infloo-1", "infloo-2", "infloo-12"]
    assert broadcast_prefix("redis://broker/0") == "infloo", "as before there were numbers"
