"""A daemon of ClamAV for tests, as far as its protocol goes: it finds one harmless text of ours."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

MARK = b"this stands for malware"
"""What it finds. No scanner knows it."""
VERDICTS = {"ok": b"stream: OK\n", "found": b"stream: Made-Up.Mark FOUND\n"}


class Scanner:
    """What it was sent, and what it says in place of a verdict; None: nothing at all."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.says: bytes | None = b""
        self.over = Event()

    def answer(self, content: bytes) -> bytes | None:
        self.seen.append(content)
        return self.says if self.says != b"" else VERDICTS["found" if MARK in content else "ok"]


def _handler(scanner: Scanner) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            assert self.rfile.readline() == b"nINSTREAM\n"
            pieces = []
            while size := int.from_bytes(self.rfile.read(4)):
                pieces.append(self.rfile.read(size))
            answer = scanner.answer(b"".join(pieces))
            if answer is None:
                scanner.over.wait(5)
            else:
                self.wfile.write(answer)

    return Handler


@contextmanager
def listening(path: Path | None = None) -> Iterator[tuple[Scanner, str]]:
    """The scanner and its address: the socket at `path`, or a port of this machine."""
    scanner = Scanner()
    server: socketserver.ThreadingTCPServer | socketserver.ThreadingUnixStreamServer
    if path is None:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(scanner))
        address = f"127.0.0.1:{server.socket.getsockname()[1]}"
    else:
        server = socketserver.ThreadingUnixStreamServer(str(path), _handler(scanner))
        address = str(path)
    with server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield scanner, address
        finally:
            scanner.over.set()
            server.shutdown()
            thread.join()
