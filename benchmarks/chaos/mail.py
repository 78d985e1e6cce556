"""A mail server that keeps to whom it was sent what, and passes nothing on."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter

ADDRESS = re.compile(rb"<([^>]*)>")


class MailServer:
    """As much of SMTP (RFC 5321) as Python's `smtplib` speaks without TLS and password."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        """How many mails each address got."""
        self.port = 0
        self._clients: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    def start(self) -> None:
        work = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        def end() -> None:
            self._server.close()
            for writer in self._clients:
                writer.transport.abort()

        self._loop.call_soon_threadsafe(end)

    def end(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        writer.write(b"220 chaos\r\n")
        receivers: list[str] = []
        try:
            while line := await reader.readline():
                command = line[:4].upper()
                if command == b"RCPT" and (found := ADDRESS.search(line)):
                    receivers.append(found[1].decode())
                elif command == b"DATA":
                    writer.write(b"354 go on\r\n")
                    while (await reader.readline()).rstrip() != b".":
                        pass
                    self.received.update(receivers)
                    receivers = []
                writer.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")
                await writer.drain()
                if command == b"QUIT":
                    break
        except OSError:
            pass  # the client has gone
        self._clients.discard(writer)
        writer.close()
