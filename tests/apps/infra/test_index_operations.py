"""Index changes of migrations: made without holding up writers, and run again after an interruption."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.migrations.state import ProjectState
from django.db.models import DO_NOTHING, ForeignKey, Index

from apps.infra.index_operations import ChangeIndexes
from apps.infra.owner import as_owner
from tests import people
from tests.factories import make_story

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = "stories_historicalstory"


def indexes() -> dict[str, bool]:
    """Whether each index of the table is valid, by name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid = %s::regclass",
            [TABLE],
        )
        return dict(cursor.fetchall())


def execute(sql: str) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(sql)


def leave_invalid(name: str) -> None:
    """As making an index does that is interrupted."""
    alice = people.alice()
    make_story(alice, "One")
    make_story(alice, "Two")
    execute(f"DROP INDEX {name}")
    with pytest.raises(IntegrityError):
        execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {TABLE} (history_type)")


@pytest.fixture
def states() -> Any:
    """The state before and after, and the operation between; afterwards the indexes are as they were."""
    from django.apps import apps

    maker = ForeignKey("users.User", DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+")
    operation = ChangeIndexes(
        add={"historicalstory": [Index(fields=["caption"], name="test_caption")]},
        unindex={"historicalstory": {"history_user": maker}},
    )
    before = ProjectState.from_apps(apps)
    after = before.clone()
    operation.state_forwards("stories", after)
    known = indexes()
    execute(f"CREATE INDEX story_by_maker ON {TABLE} (history_user_id)")
    yield operation, before, after
    for name in indexes().keys() - known.keys():
        execute(f"DROP INDEX {name}")


def run(states: Any, way: str = "forwards") -> None:
    operation, before, after = states
    with as_owner(), connection.schema_editor(atomic=False) as editor:
        getattr(operation, f"database_{way}")(
            "stories", editor, *((before, after) if way == "forwards" else (after, before))
        )


def test_indexes_are_made_once_and_again_where_invalid(states: Any) -> None:
    before = indexes()
    run(states)
    made = before.keys() - {"story_by_maker"} | {"test_caption"}
    assert indexes().keys() == made
    run(states)
    assert indexes().keys() == made
    leave_invalid("test_caption")
    assert indexes()["test_caption"] is False
    run(states)
    assert indexes() == dict.fromkeys(made, True)
    run(states, "backwards")
    assert "test_caption" not in indexes()
    assert len(indexes()) == len(before), "the foreign key has an index again"
