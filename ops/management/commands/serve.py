"""Serve HTTP and sockets on one port; behind a proxy, sockets alone."""

import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ops.web import end_with_supervisor, listen, web_server


class Command(BaseCommand):
    help = "Serve HTTP and sockets on one port."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--fd", type=int, help="a socket that listens already, in place of host and port")

    def handle(self, *args: Any, host: str, port: int, fd: int | None, **options: Any) -> None:
        try:
            listener = listen(host, port) if fd is None else socket.socket(fileno=fd)
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on {host} port {port}: {error}") from None
        end_with_supervisor()
        from config.asgi import application

        web_server(application).run(sockets=[listener])
