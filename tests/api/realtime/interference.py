"""An event loop, a channel layer and a database that delay and lose what a test chooses."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redis.exceptions import ConnectionError as Away

# --- What lies between -----------------------------------------------------------------------------------------------


class Loop(asyncio.SelectorEventLoop):
    """The event loop of a process, in which time stands still until `pass_time`."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.settle()

    def settle(self) -> None:
        """Run until all tasks wait for what only a rule brings."""
        self.run_until_complete(self._quiet())

    async def _quiet(self) -> None:
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0)
            quiet = 0 if self._ready else quiet + 1

    def end(self) -> None:
        for task in asyncio.all_tasks(self):
            task.cancel()
        self.settle()
        self.close()


class Layer:
    """A channel layer whose messages wait in `under_way`."""

    def __init__(self) -> None:
        self.under_way: list[tuple[str, str]] = []
        self.is_down = False
        self.flush_now()

    def flush_now(self) -> None:
        self._groups: defaultdict[str, set[str]] = defaultdict(set)
        self._channels: defaultdict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)

    def put(self, group: str, content: str) -> None:
        """In the place of the thread that sends."""
        if not self.is_down:
            self.under_way.append((group, content))

    def deliver(self, group: str, content: str) -> None:
        self._send(group, {"type": "broadcast", "group": group, "content": content})

    def _send(self, group: str, message: Any) -> None:
        for name in self._groups[group]:
            self._channels[name].put_nowait(message)

    # What the subscription asks for.

    async def group_add(self, group: str, channel: str) -> None:
        self._answer()
        self._groups[group].add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        self._answer()
        self._groups[group].discard(channel)

    async def group_send(self, group: str, message: Any) -> None:
        self._answer()
        self._send(group, message)

    async def receive(self, channel: str) -> Any:
        return await self._channels[channel].get()

    async def flush(self) -> None:
        self.flush_now()

    def _answer(self) -> None:
        if self.is_down:
            raise Away


class Gate:
    """Lets through, or holds until it is opened."""

    def __init__(self) -> None:
        self.is_open = True
        self._waiting: list[asyncio.Future[None]] = []

    def open(self) -> None:
        self.is_open = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def pass_through(self) -> None:
        await asyncio.sleep(0)  # each in turn, also where no task waits
        if not self.is_open:
            self._waiting.append(future := asyncio.get_running_loop().create_future())
            await future


_thread = ThreadPoolExecutor(1)


def elsewhere[T](call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """The result of `call`, which uses the database, where no event loop runs; all tasks wait for it."""
    return _thread.submit(call, *args, **kwargs).result()
