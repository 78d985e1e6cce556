"""Run background jobs until told to stop."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from procrastinate.contrib.django import app

from ops.web import end_with_supervisor


class Command(BaseCommand):
    help = "Run background jobs until told to stop; a job under way may finish."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--concurrency", type=int, default=4, help="jobs at a time")

    def handle(self, *args: Any, concurrency: int, **options: Any) -> None:
        end_with_supervisor()
        with app.replace_connector(app.connector.get_worker_connector()):  # type: ignore[attr-defined]
            app.run_worker(
                concurrency=concurrency,
                delete_jobs="successful",  # failed ones stay to be looked at
                shutdown_graceful_timeout=10,
            )
