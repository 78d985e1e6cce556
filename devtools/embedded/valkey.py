"""The embedded Valkey: how it is started."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from devtools.embedded.ownership import give, is_root
from devtools.embedded.programs import path_of
from devtools.embedded.server import Server

USER = "infloo"
RIGHTS = (
    "~*", "&*", "-@all",
    "+ping", "+info", "+select", "+client|setinfo",
    "+get", "+set", "+getdel", "+del", "+exists", "+incrby", "+expire", "+pexpire", "+ttl", "+pttl",
    "+lindex", "+lpush", "+lrange", "+ltrim",
    "+zadd", "+zrange", "+zrem", "+zremrangebyscore",
    "+eval", "+evalsha", "+script|load", "+multi", "+exec",
    "+publish", "+subscribe", "+unsubscribe",
)  # fmt: skip
"""What Infloo may do on a Valkey (its ACL): what it does, here and in `deploy/compose.yaml`."""


class Valkey(Server):
    name = "Valkey"
    program = "valkey-server"
    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL

    def __init__(self, home: Path, *, durable: bool) -> None:
        super().__init__(home, durable=durable)
        self.data = home / "valkey"
        self.log = home / "valkey.log"
        self.pid_file = self.data / "valkey.pid"
        self.socket_file = home / "valkey.sock"
        self.marks = (str(self.socket_file),)

    def is_ready(self, connection: socket.socket) -> bool:
        connection.sendall(b"PING\r\n")
        return connection.recv(7) == b"+PONG\r\n"

    def prepare(self) -> None:
        if self.data.exists():
            return
        self.data.mkdir(0o700)
        if is_root():
            give(self.data, self.home.stat().st_uid)

    def command(self) -> list[str]:
        options = ["--port", "0", "--unixsocket", str(self.socket_file), "--unixsocketperm", "700"]
        options += ["--dir", str(self.data), "--pidfile", str(self.pid_file), "--databases", "64"]
        options += ["--save", "", "--appendonly", "yes" if self.durable else "no"]
        options += ["--user", USER, "on", "nopass", *RIGHTS]
        return [path_of(self.home, "valkey-server"), *options]
