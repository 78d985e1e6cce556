"""Changes of indexes in migrations that hold up no writer, and that go on where they were interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.postgres.operations import NotInTransactionMixin
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.models import DO_NOTHING, ForeignKey, Index, Q

VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


def is_valid(schema_editor: Any, index: str) -> bool | None:
    """Whether the index of that name is valid; None where there is none."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(VALID, [index])
        found = cursor.fetchone()
    return found[0] if found else None


@contextmanager
def waiting_for_readers(schema_editor: Any) -> Iterator[None]:
    """For what is done concurrently: it waits for transactions that are open, however long, and holds up nobody. The
    limit that `migrate` sets is for changes that others wait behind."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', '0', false), before FROM current_setting('lock_timeout') AS before"
        )
        [_, before] = cursor.fetchone()
        try:
            yield
        finally:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])


class ChangeIndexes(NotInTransactionMixin, Operation):
    """Makes and drops indexes of several models, in a migration that is not `atomic`.

    It can be run again after it was interrupted: an index that is there stays, one that was left invalid is made anew.
    All is one change of the state, since Django renders most models for each.

    Args, all by the name of the model:
        add: the indexes to make.
        remove: the names of those to drop.
        unindex: foreign keys by name, as they are without the index that Django makes by itself, which is dropped.
    """

    atomic = False
    category = OperationCategory.ALTERATION

    def __init__(
        self,
        add: Mapping[str, Sequence[Index]],
        remove: Mapping[str, Sequence[str]] | None = None,
        unindex: Mapping[str, Mapping[str, ForeignKey[Any, Any]]] | None = None,
    ) -> None:
        self.add, self.remove, self.unindex = add, remove or {}, unindex or {}

    def describe(self) -> str:
        return f"Change indexes of {', '.join(sorted({*self.add, *self.remove, *self.unindex}))} concurrently"

    def state_forwards(self, app_label: str, state: Any) -> None:
        changed = set()
        for name in {*self.add, *self.remove, *self.unindex}:
            model = state.models[app_label, name]
            kept = [index for index in model.options["indexes"] if index.name not in self.remove.get(name, ())]
            model.options["indexes"] = [*kept, *self.add.get(name, ())]
            for field, altered in self.unindex.get(name, {}).items():
                model.fields[field] = altered
            changed.add((app_label, name))
        state.reload_models(changed, delay=True)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._ensure_not_in_transaction(schema_editor)
        for name, indexes in self.add.items():
            for index in indexes:
                self._make(schema_editor, to_state.apps.get_model(app_label, name), index)
        for names in self.remove.values():
            for index_name in names:
                self._drop(schema_editor, index_name)
        for name, fields in self.unindex.items():
            model = to_state.apps.get_model(app_label, name)
            for field in fields:
                for index_name in self._of_column(schema_editor, model, field):
                    self._drop(schema_editor, index_name)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._ensure_not_in_transaction(schema_editor)
        for name, fields in self.unindex.items():
            model = to_state.apps.get_model(app_label, name)
            for field in fields:
                if not self._of_column(schema_editor, model, field):
                    column = model._meta.get_field(field)
                    schema_editor.execute(schema_editor._create_index_sql(model, fields=[column], concurrently=True))
        for name, names in self.remove.items():
            model = to_state.apps.get_model(app_label, name)
            for index in model._meta.indexes:
                if index.name in names:
                    self._make(schema_editor, model, index)
        for indexes in self.add.values():
            for index in indexes:
                self._drop(schema_editor, index.name)

    @staticmethod
    def _make(schema_editor: Any, model: Any, index: Index) -> None:
        valid = is_valid(schema_editor, index.name)
        if valid:
            return
        if valid is False:
            ChangeIndexes._drop(schema_editor, index.name)
        with waiting_for_readers(schema_editor):
            schema_editor.add_index(model, index, concurrently=True)

    @staticmethod
    def _drop(schema_editor: Any, name: str) -> None:
        with waiting_for_readers(schema_editor):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(name)}")

    @staticmethod
    def _of_column(schema_editor: Any, model: Any, field: str) -> list[str]:
        """The names of the indexes of this column alone that no model names."""
        column = model._meta.get_field(field).column
        named = {index.name for index in model._meta.indexes}
        found: list[str] = schema_editor._constraint_names(
            model, [column], index=True, unique=False, primary_key=False, foreign_key=None, exclude=named
        )
        return found


def of_versions(*names: str) -> ChangeIndexes:
    """What the audit log asks the histories of these models for. Migrations that are released use it: it stays.

    The index of the actor alone gives way to that of actor and time.
    """
    histories = [f"historical{name}" for name in names]
    user = ForeignKey(
        settings.AUTH_USER_MODEL, DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )
    return ChangeIndexes(
        add={history: _of_versions(name) for history, name in zip(histories, names, strict=True)},
        unindex={history: {"history_user": user.clone()} for history in histories},
    )


def _of_versions(name: str) -> list[Index]:
    return [
        Index(fields=["history_user", "history_date"], name=f"{name}_versions_actor"),
        Index(fields=["history_type", "history_date"], name=f"{name}_versions_change", condition=~Q(history_type="+")),
        Index(fields=["request_id"], name=f"{name}_versions_request", condition=~Q(request_id="")),
    ]
