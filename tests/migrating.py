"""Migrations applied and unapplied on the database of a test."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from apps.infra.owner import as_owner


def forget(app: str, name: str) -> None:
    """Have the migration run again with the next."""
    with as_owner():
        MigrationRecorder(connection).record_unapplied(app, name)


def migrate_to(*targets: tuple[str, str]) -> Any:
    """Bring the tables to these migrations, or to the newest. Returns the models as they are then."""
    with as_owner():
        executor = MigrationExecutor(connection)
        return executor.migrate(list(targets) or executor.loader.graph.leaf_nodes()).apps
