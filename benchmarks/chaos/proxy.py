"""A TCP port of this machine that leads to a server, and can be slow, silent or closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHUNK = 64 * 1024


class Proxy:
    """Belongs to a thread of its own; its settings may be changed from any."""

    def __init__(self, target: int | Path) -> None:
        """`target` is a port of this machine or the path of a Unix socket."""
        self.target = target
        self.port = 0
        self.delay = 0.0
        """Seconds that each piece waits, in each direction."""
        self.is_silent = False
        """Connections are taken, and nothing that comes through them goes on. Afterwards those that had something to
        say end, as TCP's own keepalive would have it, which a proxy on the same machine answers itself."""
        self.is_closed = False
        self._open: set[asyncio.StreamWriter] = set()
        self._mended = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._lead, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def close(self) -> None:
        """End all connections, and each new one at once, until `mend`."""
        self.is_closed = True
        self._loop.call_soon_threadsafe(self._abort)

    def mend(self) -> None:
        self.delay, self.is_silent, self.is_closed = 0.0, False, False
        self._loop.call_soon_threadsafe(self._mended.set)

    def _run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _abort(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        self._abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = {writer}
        self._open.add(writer)
        try:
            if not self.is_closed:
                there, back = await self._connect()
                mine.add(back)
                self._open.add(back)
                copies = [asyncio.create_task(self._copy(*pair)) for pair in ((reader, back), (there, writer))]
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
                for copy in copies:
                    copy.cancel()
        except OSError:
            pass  # the server is away: so is this
        finally:
            self._open -= mine
            for each in mine:
                each.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(str(self.target))
        return await asyncio.open_connection("127.0.0.1", self.target)

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while part := await source.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.is_silent:
                    self._mended.clear()
                    await self._mended.wait()
                    return
                target.write(part)
                await target.drain()
