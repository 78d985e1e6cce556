"""Each migration may run while the release before serves, on tables of a million rows: nothing waits longer than a
second. `python -m benchmarks.migrations` measures what is read here off the operations."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models.functions import Random

from tests.architecture.migration_rules import Rules

BEFORE = {
    "audit": "0011_action_of_versions",
    "chat": "0008_action_of_versions",
    "connections": "0005_action_of_versions",
    "decisions": "0002_labels",
    "desk": "0008_action_of_versions",
    "events": "0011_ends_in_the_order",
    "moderation": "0017_fill_queue_tallies",
    "notifications": "0006_labels",
    "stories": "0010_fill_tallies",
    "tables": "0001_transfers",
    "tallies": "0001_initial",
    "users": "0039_fill_queue_tallies",
}
"""The last migration of each app from before there were these rules."""
ACCEPTED: dict[str, str] = {}
"""What breaks a rule all the same, each migration by its name, as in "users.0041_name", with the reason."""


@cache
def loaded() -> MigrationLoader:
    return MigrationLoader(None)


def earlier() -> set[tuple[str, str]]:
    graph = loaded().graph
    others = [leaf for leaf in graph.leaf_nodes() if not _is_ours(leaf)]
    return {key for last in (*BEFORE.items(), *others) for key in graph.forwards_plan(last)}


def _is_ours(key: tuple[str, str]) -> bool:
    return type(loaded().graph.nodes[key]).__module__.startswith("apps.")


def test_migrations_keep_nobody_from_a_big_table() -> None:
    graph, known = loaded().graph, earlier()
    rules = Rules(loaded().project_state(list(known)))
    plan = dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf))
    found = [each for key in plan if key not in known for each in rules.broken_by(graph.nodes[key])]
    assert [each for each in found if each.partition(":")[0] not in ACCEPTED] == []
    assert ACCEPTED.keys() <= {f"{app}.{name}" for app, name in plan}


def some_model(*more: Any) -> Any:
    fields: list[Any] = [("id", models.BigAutoField(primary_key=True)), ("size", models.IntegerField(null=True))]
    return migrations.CreateModel("Thing", [*fields, ("name", models.CharField(max_length=40)), *more])


CHECK = models.CheckConstraint(condition=models.Q(size__gt=0), name="has_size")
REFUSED = {
    "default of the database": migrations.AddField("Thing", "new", models.IntegerField(default=1)),
    "another value in each row": migrations.AddField("Thing", "new", models.FloatField(db_default=Random())),
    "foreign key": migrations.AddField(
        "Thing", "new", models.ForeignKey("Thing", models.CASCADE, null=True, db_index=False)
    ),
    "holds up writers: db_index=False": migrations.AddField(
        "Thing", "new", models.IntegerField(null=True, unique=True)
    ),
    "rewrites the table": migrations.AlterField("Thing", "size", models.BigIntegerField(null=True)),
    "rewrites the table:": migrations.AlterField("Thing", "name", models.CharField(max_length=20)),
    "reads the table": migrations.AlterField("Thing", "size", models.IntegerField()),
    "holds up writers": migrations.AlterField("Thing", "size", models.IntegerField(null=True, db_index=True)),
    "holds up writers: ChangeIndexes": migrations.AddIndex("Thing", models.Index(fields=["size"], name="thing_size")),
    "by that index": migrations.AddConstraint("Thing", models.UniqueConstraint(fields=["size"], name="one_size")),
    "checks all rows": migrations.AddConstraint("Thing", CHECK),
    "release before uses": migrations.RenameField("Thing", "size", "length"),
    "takes away": migrations.RemoveField("Thing", "size"),
    "CONCURRENTLY": migrations.RunSQL("CREATE INDEX thing_size ON things (size)"),
    "NOT VALID": migrations.RunSQL(["ALTER TABLE things ADD CONSTRAINT has_size CHECK (size > 0)"]),
    "another way": migrations.RunSQL([("ALTER TABLE things ALTER size TYPE bigint", None)]),
}
ALLOWED = (
    migrations.AddField("Thing", "new", models.IntegerField(default=1, db_default=1)),
    migrations.AlterField("Thing", "name", models.CharField(max_length=60)),
    migrations.AlterField("Thing", "name", models.TextField()),
)


def broken_by(*operations: Any) -> list[str]:
    state = ProjectState()
    some_model().state_forwards("things", state)
    migration = migrations.Migration("0002_more", "things")
    migration.operations = list(operations)
    return Rules(state).broken_by(migration)


@pytest.mark.parametrize("why", REFUSED)
def test_a_migration_that_others_wait_for_is_refused(why: str) -> None:
    [found] = broken_by(REFUSED[why])
    assert why in found


def test_rows_are_not_moved_under_the_locks_of_other_changes() -> None:
    assert "two migrations" in broken_by(ALLOWED[0], migrations.RunPython(migrations.RunPython.noop))[0]


@pytest.mark.parametrize("operation", ALLOWED)
def test_a_change_that_rewrites_nothing_is_allowed(operation: Any) -> None:
    assert broken_by(operation) == []


def test_a_table_of_the_same_release_may_be_made_in_any_way() -> None:
    state = ProjectState()
    migration = migrations.Migration("0001_initial", "things")
    migration.operations = [some_model(), migrations.AddConstraint("Thing", CHECK)]
    assert Rules(state).broken_by(migration) == []
