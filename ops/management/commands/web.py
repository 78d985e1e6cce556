"""Serve HTTP alone, as production does behind a proxy."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ops.http import WebServer


class Command(BaseCommand):
    help = "Serve HTTP alone. SIGTERM: answer on for DRAIN_SECONDS while /readyz says 503, then finish and stop."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        WebServer(host, port, drain=settings.DRAIN_SECONDS, stop=settings.STOP_SECONDS).run()
