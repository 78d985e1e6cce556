"""What a migration may not do while the release before serves: keep others from a table, or take away what it uses.

Each rule is said in words, with what to do instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.contrib.postgres import operations as postgres
from django.db import migrations
from django.db.models import Expression, Field, Value
from django.db.models.functions import Now
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from apps.infra.index_operations import ChangeIndexes
from apps.infra.key_operations import WidenKeys

# Changes of Django's own picture, of indexes and constraints that vanish, and what holds up no writer: each waits for
# the table at most, for as long as `migrate` lets it.
HARMLESS = (
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
    migrations.RemoveIndex,
    migrations.RemoveConstraint,
    migrations.RenameIndex,
    postgres.AddIndexConcurrently,
    postgres.RemoveIndexConcurrently,
    postgres.AddConstraintNotValid,
    postgres.ValidateConstraint,
    AddTrigger,
    RemoveTrigger,
    ChangeIndexes,
    WidenKeys,
)
TAKEN_AWAY = (
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterModelTable,
    migrations.RemoveField,
    migrations.DeleteModel,
)
INDEXING = (migrations.AddIndex, migrations.AlterUniqueTogether, migrations.AlterIndexTogether)
IN_SQL = {
    r"\bALTER (COLUMN )?\S+ (SET DATA )?TYPE\b": "rewrites a table: see apps/infra/key_operations.py for another way",
    r"\bSET NOT NULL\b": "reads the table while nobody else may: prove it by a constraint that is validated first",
    r"\bCREATE (UNIQUE )?INDEX (?!CONCURRENTLY)": "makes an index that holds up writers: CONCURRENTLY",
    r"\bADD (CONSTRAINT \S+ )?(CHECK|FOREIGN KEY|UNIQUE|PRIMARY KEY|EXCLUDE)\b(?!.*(NOT VALID|USING INDEX))":
        "checks all rows while others wait: NOT VALID, and VALIDATE in a migration of its own",
    r"\bLOCK TABLE\b": "locks a table",
    r"\bDROP (TABLE|COLUMN)\b|\bRENAME\b": "takes away what the release before uses",
    r"\b(VACUUM FULL|CLUSTER|TRUNCATE|REINDEX (?!.*CONCURRENTLY))\b": "keeps all others from a table",
}  # fmt: skip


class Rules:
    """Reads migrations in their order; `state` is what is there before the first."""

    def __init__(self, state: Any) -> None:
        self.state = state
        self.made: set[tuple[str, str]] = set()
        """The models that these migrations have made: nobody waits for their tables."""

    def broken_by(self, migration: Any) -> list[str]:
        """In words, each with its place; and remembers what the migration makes."""
        app, found = migration.app_label, list(self._of_the_whole(migration))
        for operation in migration.operations:
            found += self._of(app, operation)
            operation.state_forwards(app, self.state)
        return [f"{app}.{migration.name}: {each}" for each in found]

    def _of_the_whole(self, migration: Any) -> Iterator[str]:
        moving = [each for each in migration.operations if isinstance(each, migrations.RunPython | migrations.RunSQL)]
        if moving and len(moving) < len(migration.operations) and migration.atomic:
            yield "moves rows while its changes of tables keep others away: two migrations"

    def _of(self, app: str, operation: Any) -> Iterator[str]:
        model = (getattr(operation, "model_name", None) or getattr(operation, "name", "") or "").lower()
        is_new = (app, model) in self.made
        what = operation.describe()
        match operation:
            case migrations.CreateModel():
                self.made.add((app, model))
            case migrations.SeparateDatabaseAndState():
                for each in operation.database_operations:
                    yield from self._of(app, each)
            case migrations.RunPython():
                pass
            case migrations.RunSQL():
                yield from _of_sql(operation.sql)
            case _ if is_new or isinstance(operation, HARMLESS):
                pass
            case migrations.AddField():
                yield from (f"{what} {why}" for why in _of_new(operation.field))
            case migrations.AlterField():
                before = self.state.models[app, model].fields[operation.name]
                yield from (f"{what} {why}" for why in _of_change(before, operation.field))
            case migrations.AddConstraint() if "Unique" not in type(operation.constraint).__name__:
                yield f"{what} checks all rows while others wait: AddConstraintNotValid, then ValidateConstraint"
            case migrations.AddConstraint():
                yield f"{what} makes an index that holds up writers: ChangeIndexes, then the constraint by that index"
            case _ if isinstance(operation, INDEXING):
                yield f"{what} makes an index that holds up writers: ChangeIndexes"
            case _ if isinstance(operation, TAKEN_AWAY):
                yield f"{what} takes away what the release before uses: in the release after that uses it no more"
            case _:
                yield f"{what} is of a kind that nobody has looked at: say in migration_rules.py what it locks"


def _of_new(field: Field[Any, Any]) -> Iterator[str]:
    if not field.null and not field.has_db_default():
        yield "has no default of the database: the release before cannot insert rows"
    default = field.db_default if field.has_db_default() else None
    if getattr(field, "generated", False) or (isinstance(default, Expression) and not isinstance(default, Now | Value)):
        yield "may have another value in each row, which rewrites the table: null, and filled in batches"
    if field.unique or field.db_index:
        yield "makes an index that holds up writers: db_index=False, then ChangeIndexes"
    if field.remote_field and getattr(field, "db_constraint", False):
        yield "checks a foreign key in all rows: db_constraint=False, then AddConstraintNotValid and ValidateConstraint"


def _of_change(before: Field[Any, Any], after: Field[Any, Any]) -> Iterator[str]:
    if _type(before) != _type(after) and not _is_wider_text(before, after):
        yield "rewrites the table: see apps/infra/key_operations.py for another way"
    if before.null and not after.null:
        yield "reads the table while nobody else may: prove it by AddConstraintNotValid and ValidateConstraint first"
    if (after.unique or after.db_index) and not (before.unique or before.db_index):
        yield "makes an index that holds up writers: ChangeIndexes"
    if getattr(after, "db_constraint", False) and not getattr(before, "db_constraint", False):
        yield "checks a foreign key in all rows: AddConstraintNotValid and ValidateConstraint"
    if after.db_column != before.db_column:
        yield "takes away what the release before uses"


def _type(field: Any) -> tuple[Any, ...]:
    kind = field.get_internal_type()
    sizes = [getattr(field, name, None) for name in ("max_digits", "decimal_places", "db_collation")]
    target = field.remote_field and str(field.remote_field.model).lower()
    # The identity of a key is not its type.
    return (kind.replace("AutoField", "IntegerField"), target, field.max_length, *sizes)


def _is_wider_text(before: Any, after: Any) -> bool:
    """PostgreSQL changes the limit of a text alone, and rewrites nothing, where it grows or goes.

    An index is made anew, unless Django drops it before.
    """
    texts = ("CharField", "SlugField", "URLField", "EmailField", "FileField", "TextField")
    if not {before.get_internal_type(), after.get_internal_type()} <= set(texts):
        return False
    if any(each.unique for each in (before, after)) or (before.db_index and after.db_index):
        return False
    return after.max_length is None or (before.max_length is not None and before.max_length <= after.max_length)


def _of_sql(given: Any) -> Iterator[str]:
    if not isinstance(given, str):
        for each in given:
            yield from _of_sql(each if isinstance(each, str) else each[0])
        return
    for statement in given.split(";"):
        text = " ".join(statement.split())
        yield from (f"“{text[:60]}” {why}" for rule, why in IN_SQL.items() if re.search(rule, text, re.IGNORECASE))
