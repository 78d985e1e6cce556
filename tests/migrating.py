"""Migrations applied and unapplied on the database of a test."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import AlterField
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState, StateApps
from django.utils.functional import SimpleLazyObject

from apps.infra.owner import as_owner

KEPT = 4
"""States of which the models are kept: an operation looks at those before and after it."""


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
    """The models between migrations are made when an operation looks at them, and once for all that left them alike.

    Django brings what it has up to date after every change to a state, one related model after another, which takes
    longer than making all of them, and does so for operations that never look.
    """
    made: deque[tuple[Any, ProjectState, StateApps]] = deque(maxlen=KEPT)

    def apps_of(state: ProjectState) -> Any:
        kept = state.clone()
        return SimpleLazyObject(lambda: models_of(kept))

    def models_of(state: ProjectState) -> StateApps:
        content = _content(state)
        for known, _of, models_then in made:
            if known == content:
                return models_then
        made.append((content, state, StateApps(state.real_apps, state.models)))
        return made[-1][2]

    alter = AlterField.database_forwards

    def alter_columns_alone(self: AlterField, app: str, editor: Any, before: ProjectState, after: ProjectState) -> None:
        key = app, self.model_name_lower
        if _of_column(before.models[key].fields[self.name]) != _of_column(after.models[key].fields[self.name]):
            alter(self, app, editor, before, after)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProjectState, "apps", property(apps_of, fdel=lambda _state: None))
        patch.setattr(AlterField, "database_forwards", alter_columns_alone)
        # Each state clears the cache that the models of all share.
        patch.setattr(apps, "get_swappable_settings_name", cache(apps.get_swappable_settings_name))
        # Classes come and go by the ten thousand; what there was before need not be looked through each time.
        gc.freeze()
        yield
        gc.unfreeze()


def _content(state: ProjectState) -> Any:
    """What models are made of. Operations put other objects in place of those that they change.

    Triggers are in the database alone.
    """
    return {
        key: (_parts(model.fields), _parts(model.options), _parts(model.managers), model.bases)
        for key, model in state.models.items()
    }


def _parts(of: Any) -> Any:
    named = of.items() if isinstance(of, dict) else of
    return [
        (name, [*map(id, part)] if isinstance(part, list) else id(part)) for name, part in named if name != "triggers"
    ]


def _of_column(field: models.Field[Any, Any]) -> Any:
    """What Django looks at to see whether a column changes, for which it makes all models first."""
    _name, path, args, options = field.deconstruct()
    ignored = {*field.non_db_attrs} - {"db_column"}
    return path, args, {name: value for name, value in options.items() if name not in ignored}
