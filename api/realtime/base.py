"""What all sockets have in common: admitted, revalidated, limited, and ended with a code that says why."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import Any, ClassVar

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from pydantic import BaseModel, TypeAdapter, ValidationError

from api import auth
from api.realtime import manager, open_sockets
from api.realtime.auth import PROTOCOL, credential_of, revalidate
from api.realtime.database import in_thread
from api.schemas.frames import ErrorFrame, PingFrame, PongFrame
from apps import errors
from apps.errors import DomainError, Invalid
from apps.infra import draining, metrics
from apps.infra.limits import TooMany
from apps.users.authentication.socket_tickets import SocketCredential
from apps.users.models import User

logger = logging.getLogger(__name__)

FAILED = 1011
RESTARTING = 1012
FLOODING = 4429
BAD_FRAMES = 1008
"""After ten frames in a row that could not be taken, or for an address with something wrong in it."""
CODES: dict[type[DomainError], int] = {
    errors.WrongCredentials: 4401,
    errors.Refused: 4403,
    errors.Absent: 4404,
    errors.Invalid: BAD_FRAMES,
    errors.Unavailable: FAILED,
}
BAD_FRAMES_MAX = 10


class Bucket:
    """Lets through so many a second, and a burst of more at the beginning or after a rest."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._left, self._at = burst, time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left, self._at = min(self.burst, self._left + (now - self._at) * self.rate), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Socket(AsyncWebsocketConsumer):
    """Reads frames, calls services, and writes what is new from a task of its own."""

    guard: ClassVar[auth.User] = auth.User()
    """Checks the user when the socket opens, and every few seconds while it is open."""
    kind: ClassVar[str]
    """What /metrics calls it."""
    frames: ClassVar[TypeAdapter[Any]] = TypeAdapter(PingFrame)
    """What clients may send."""

    credential: SocketCredential
    user: User
    key: str
    """Its name among the sockets of all processes."""
    room_id: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self._writer: asyncio.Task[Any] | None = None
        self._is_open = self._is_over = self._is_taking = self._is_moving = False
        self._has_news = False
        self._bad_frames = 0
        scale = settings.LIMITS_SCALE
        self._bucket = Bucket(settings.SOCKET_FRAMES_PER_SECOND * scale, settings.SOCKET_FRAMES_BURST * scale)

    # --- For each kind of socket ----------------------------------------------------------------------------------

    async def enter(self) -> None:
        """Begin to follow what this socket is for. Raises a `DomainError` where that is not for this user."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Undo `enter`, however far it came."""
        raise NotImplementedError

    async def take(self, frame: Any) -> None:
        """Do what a frame asks for. Raises a `DomainError` where it cannot be."""
        await self.send_frame(PongFrame())

    async def write(self) -> None:
        """Send all that is new by now."""
        raise NotImplementedError

    # --- Coming and going -----------------------------------------------------------------------------------------

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        # As Channels does, save that it would open a channel for each socket, and none could open while Valkey is
        # away (the connection manager has one for the process), and start a task for each frame.
        self.scope, self.channel_layer, self.base_send = scope, None, send
        with suppress(StopConsumer):
            while True:
                await self.dispatch(await receive())

    async def dispatch(self, message: dict[str, Any]) -> None:
        # As Channels does, save that it visits the one thread of all synchronous code before each frame.
        try:
            await getattr(self, message["type"].replace(".", "_"))(message)
        except OSError:
            self._is_over = True  # gone while we wrote; the end is the next to be read

    async def connect(self) -> None:
        if draining.is_draining():
            await self._accept()
            await self.end(RESTARTING, draining.reconnect_hint())
            return
        try:
            await self._let_in()
        except DomainError as refusal:
            await self._accept()
            await self.refuse(refusal)
        except Exception:
            logger.exception("A socket could not be opened")
            await self._accept()
            await self.end(FAILED)

    async def _let_in(self) -> None:
        self.credential = await in_thread(credential_of, self.scope)
        verdict = (await in_thread(revalidate, [self]))[self]
        if isinstance(verdict, DomainError):
            raise verdict
        self.user, self.key = verdict, open_sockets.new_key()
        await self.enter()
        await self._accept()
        manager.current().add(self)
        self._is_open = True
        self.wake()

    async def _accept(self) -> None:
        await self.accept(PROTOCOL if PROTOCOL in self.scope["subprotocols"] else None)

    async def refuse(self, refusal: DomainError) -> None:
        """End the socket, for a reason of the domain."""
        code = next(CODES[kind] for kind in type(refusal).__mro__ if kind in CODES)
        await self.end(code, refusal.code)

    async def end(self, code: int, reason: str = "") -> None:
        """Close the socket. Nothing more is sent from here on, even where the client does not answer."""
        if self._is_over:
            return
        self._is_over = True
        metrics.SOCKETS_ENDED.labels(code).inc()
        await self._stop()
        with suppress(OSError):  # gone already
            await self.close(code, reason)

    async def flood(self, reason: str) -> None:
        """End the socket: the person sends, or has, too much."""
        await self.end(FLOODING, reason)

    async def move(self) -> None:
        """End the socket once the frame that is being handled is answered: its client opens another elsewhere."""
        self._is_moving = True
        if not self._is_taking:
            await self.end(RESTARTING, draining.reconnect_hint())

    async def disconnect(self, code: int) -> None:
        self._is_over = True
        await self._stop()

    async def _stop(self) -> None:
        manager.current().remove(self)
        if self._writer is not None:
            self._writer.cancel()
        await self.leave()

    # --- Frames ---------------------------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._is_over:
            return
        if not self._bucket.take():
            await self.flood("flooding")
            return
        self._is_taking = True
        try:
            frame = self._read(text_data)
            await self.take(frame)
            self._bad_frames = 0
        except TooMany:
            await self.flood("too-many-messages")
        except DomainError as refusal:
            await self._complain(refusal)
        except OSError:
            raise
        except Exception:
            logger.exception("A frame could not be handled")
            await self.end(FAILED)
        finally:
            self._is_taking = False
        if self._is_moving:
            await self.move()

    def _read(self, text: str | None) -> Any:
        try:
            content = json.loads(text or "")
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise Invalid("malformed", "Send one JSON object a frame, as text.")
        try:
            return self.frames.validate_python(content)
        except ValidationError as error:
            raise _as_invalid(error) from None

    async def _complain(self, refusal: DomainError) -> None:
        await self.send_frame(ErrorFrame(code=refusal.code, detail=str(refusal)))
        if isinstance(refusal, Invalid):
            self._bad_frames += 1
            if self._bad_frames >= BAD_FRAMES_MAX:
                await self.end(BAD_FRAMES, "bad-frames")

    async def send(self, text: str) -> None:
        try:
            if not self._is_over:
                await self.base_send({"type": "websocket.send", "text": text})
        except RuntimeError:
            # Closed while this waited for the client to read.
            if not self._is_over:
                raise

    async def send_frame(self, frame: BaseModel) -> None:
        await self.send(frame.model_dump_json())

    def wake(self) -> None:
        """Write what is new, at once where the client reads, or once more where some is being written."""
        self._has_news = True
        if self._is_open and not self._is_over and self._writer is None:
            asyncio.Task(self._write_news(), loop=asyncio.get_running_loop(), eager_start=True)

    async def _write_news(self) -> None:
        self._writer = asyncio.current_task()
        try:
            while self._has_news and not self._is_over:
                self._has_news = False
                await self.write()
        except OSError:
            pass  # gone; the end is the next to be read
        except Exception:
            logger.exception("A socket could not be written to")
            self._writer = None
            await self.end(FAILED)
        finally:
            self._writer = None


def _as_invalid(error: ValidationError) -> Invalid:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"].startswith("union_tag"):
        return Invalid("unknown-type", "There is no such type of frame.")
    field = ".".join(str(part) for part in first["loc"][-1:])
    return Invalid("invalid", f"{field}: {first['msg'].removeprefix('Value error, ')}")
