"""Messages of this process's sockets, stored several at a time.

Those that came while others were being committed are the next batch: under load many share one commit, and a single
message waits for none. Nobody hears of a message before it is committed.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from django.db import Error

from api.realtime.database import in_thread
from apps.chat import services
from apps.chat.models import Message
from apps.chat.services import Answer
from apps.chat.writing import Draft
from apps.infra.database import AWAY
from apps.infra.limits import spend_each

AT_ONCE = 64
# So many batches at the same time, with no room in common: one that waits for a lock keeps few others waiting.
UNDER_WAY = 2
PATIENCE = 2.0
"""Seconds after which a database that was waited for in vain is not asked again: senders have waited enough."""

type Waiting = tuple[Draft, asyncio.Future[tuple[Message, bool]]]


class Batches:
    """The messages of a room are stored in the order in which they came. Belongs to one event loop."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, None]], None], publish: Callable[[Message], None]) -> None:
        self._run, self._publish = run, publish
        self._waiting: deque[Waiting] = deque()
        self._rooms: list[set[str]] = []
        """Those of each batch that is under way."""

    async def send(self, draft: Draft) -> tuple[Message, bool]:
        """Send a message; see `services.send_message`. Raises `TooMany` at the limit of its sender, too."""
        answer: asyncio.Future[tuple[Message, bool]] = asyncio.get_running_loop().create_future()
        self._waiting.append((draft, answer))
        self._start()
        return await answer

    def _start(self) -> None:
        if len(self._rooms) < UNDER_WAY and (batch := self._take()):
            rooms = {draft.room_name for draft, _future in batch}
            self._rooms.append(rooms)
            self._run(self._store(batch, rooms))

    def _take(self) -> list[Waiting]:
        """The next batch: what waits for a room that is in no other."""
        busy = {room for rooms in self._rooms for room in rooms}
        batch: list[Waiting] = []
        later: deque[Waiting] = deque()
        for draft, future in self._waiting:
            is_next = len(batch) < AT_ONCE and draft.room_name not in busy
            (batch if is_next else later).append((draft, future))
        self._waiting = later
        return batch

    async def _store(self, batch: list[Waiting], rooms: set[str]) -> None:
        try:
            answers = await in_thread(_send, [draft for draft, _future in batch])
        except Exception as error:
            answers = [error] * len(batch)
        finally:
            self._rooms.remove(rooms)
        for (_draft, future), answer in zip(batch, answers, strict=True):
            if not isinstance(answer, Exception) and answer[1]:
                self._publish(answer[0])
            if future.done():
                continue  # the socket has ended meanwhile
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        self._start()


def _send(drafts: list[Draft]) -> list[Answer | Exception]:
    """What became of each."""
    refusals = spend_each("messages", [f"user:{draft.sender.pk}" for draft in drafts])
    allowed = [draft for draft, refusal in zip(drafts, refusals, strict=True) if refusal is None]
    began = time.monotonic()
    try:
        answers: list[Answer | Exception] = [*services.send_messages(allowed)]
    except Error as error:
        is_silent = isinstance(error, AWAY) and time.monotonic() - began > PATIENCE
        answers = [error] * len(allowed) if is_silent else _send_each(allowed)
    rest = iter(answers)
    return [refusal or next(rest) for refusal in refusals]


def _send_each(drafts: list[Draft]) -> list[Answer | Exception]:
    """Each by itself, after one of them has failed all."""
    answers: list[Answer | Exception] = []
    for draft in drafts:
        try:
            answers += services.send_messages([draft])
        except AWAY as error:
            # The database is away: the rest would wait for it as long again.
            return answers + [error] * (len(drafts) - len(answers))
        except Error as error:
            answers.append(error)
    return answers
