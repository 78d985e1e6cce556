"""A Valkey whose machine is lost: its copy is promoted, and the address leads there."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from apps.infra import valkey
from tests.api.realtime.processes import Broker
from tests.ops.processes import free_port, pause


class Address:
    """One address of this machine that leads to `target`, as that of a managed service or a balancer does."""

    def __init__(self, target: int) -> None:
        self.target = target
        # It listens before the thread runs: who comes earlier waits.
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._is_over = asyncio.Event()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._lead, sock=self._listener)
        await self._is_over.wait()
        server.close()
        server.close_clients()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.wait(
                [asyncio.create_task(_copy(reader, back)), asyncio.create_task(_copy(there, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            back.close()
        writer.close()

    def __enter__(self) -> Address:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await source.read(65536):
            target.write(part)
            await target.drain()


@contextmanager
def two(folder: Path) -> Iterator[tuple[Broker, int, Broker, int]]:
    ports = free_port(), free_port()
    with (
        Broker(folder / "first", port=ports[0]) as first,
        Broker(folder / "second", port=ports[1]) as second,
        redis.Redis.from_url(first.url) as original,
        redis.Redis.from_url(second.url) as copy,
    ):
        original.config_set("repl-diskless-sync-delay", 0)  # seconds, for further copies
        copy.execute_command("REPLICAOF", "127.0.0.1", str(ports[0]))
        while copy.info("replication")["master_link_status"] != "up":
            pause(0.02)
        yield first, ports[0], second, ports[1]


def test_the_platform_goes_on_with_a_promoted_copy_behind_the_same_address(tmp_path: Path, settings: Any) -> None:
    with two(tmp_path) as (first, port, second, other), Address(port) as address:
        settings.REDIS_URL = f"redis://127.0.0.1:{address.port}"
        # Nothing here is slow but for what else this machine does.
        settings.VALKEY_TIMEOUTS = settings.VALKEY_TIMEOUTS | {"request": 30}
        with valkey.asked() as client:
            client.set("before", "1")
            client.execute_command("WAIT", "1", "5000")
        first.kill()
        with pytest.raises(valkey.Away), valkey.asked() as client:
            client.get("before")
        with redis.Redis.from_url(second.url) as copy:
            copy.execute_command("REPLICAOF", "NO", "ONE")
        address.target = other
        breaker = valkey._server(settings.REDIS_URL).breaker
        failed = 0
        while True:
            try:
                with valkey.asked() as client:
                    client.set("after", "1")
                    assert client.get("before") == b"1"
                    break
            except valkey.Away as away:
                failed += away.__cause__ is not None  # it was asked
                assert breaker.open_until - time.monotonic() <= valkey.LEAVE_ALONE
            pause()
        # By a connection from before, at most.
        assert failed <= 1
