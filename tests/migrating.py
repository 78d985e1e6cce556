"""Migrations applied and unapplied on the database of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from apps.infra.owner import as_owner


def forget(app: str, name: str) -> None:
    """Have the migration run again with the next."""
    with as_owner():
        MigrationRecorder(connection).record_unapplied(app, name)


def run_again(app: str, name: str) -> None:
    """Run the migration as one that was interrupted before it was recorded, on the models as they were for it."""
    forget(app, name)
    with as_owner(), _models_made_when_asked_for():
        executor = MigrationExecutor(connection)
        state = executor.loader.project_state([(app, name)], at_end=False)
        executor.apply_migration(state, executor.loader.get_migration(app, name))


def migrate_to(*targets: tuple[str, str]) -> Any:
    """Bring the tables to these migrations, or to the newest. Returns the models as they are then."""
    with as_owner(), _models_made_when_asked_for():
        executor = MigrationExecutor(connection)
        return executor.migrate(list(targets) or executor.loader.graph.leaf_nodes()).apps


@contextmanager
def _models_made_when_asked_for() -> Iterator[None]:
    """The models between migrations are made anew when an operation asks for them, not after every change to a state.

    Django brings what it has up to date each time, one related model after another, which takes longer than making
    all of them, and does so for operations that never look.
    """

    def forget(state: ProjectState, *_changed: Any, **_options: Any) -> None:
        state.__dict__.pop("apps", None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProjectState, "reload_model", forget)
        patch.setattr(ProjectState, "reload_models", forget)
        yield
