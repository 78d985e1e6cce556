"""Encrypts what history and audit kept in plain text, as releases did before there were keys of persons."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pgtrigger
from django.db import connection, transaction

from apps.audit.encryption import PREFIX, encrypt, keys_held

AT_ONCE = 2_000
"""Rows of one transaction."""
PERSON_OF_ENTRY = """COALESCE(subject_id, CASE
    WHEN target_id !~ '^[0-9]{1,18}$' THEN NULL
    WHEN target_type IN ('users.user', 'users.staff') THEN target_id::bigint
    WHEN target_type = 'users.document' THEN (SELECT owner_id FROM users_document WHERE id = target_id::bigint)
    WHEN target_type = 'stories.story' THEN (SELECT author_id FROM stories_story WHERE id = target_id::bigint)
    WHEN target_type = 'events.event' THEN (SELECT host_id FROM events_event WHERE id = target_id::bigint)
    WHEN target_type = 'chat.message' THEN (SELECT sender_id FROM chat_message WHERE id = target_id::bigint)
    WHEN target_type = 'moderation.case' THEN (SELECT author_id FROM moderation_case WHERE id = target_id::bigint)
END, actor_id)"""
MOVE = """
    UPDATE audit_entry SET
        encrypted_address = COALESCE(encrypted_address, host(address)), address = NULL,
        private = COALESCE(
            private, (SELECT jsonb_object_agg(key, value) FROM jsonb_each(detail) WHERE key = ANY(%(names)s))
        ),
        detail = detail - %(names)s
    WHERE id > %(last)s AND id <= %(last)s + %(rows)s
        AND (address IS NOT NULL OR (detail ?| %(names)s AND private IS NULL))
"""


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table with text to encrypt. `columns`: by their names the SQL of the id of the person."""

    name: str
    key: str
    model: str
    """As "audit.Entry": whose trigger is passed by."""
    columns: Mapping[str, str]
    json_columns: frozenset[str] = field(default_factory=frozenset)

    def encrypt(self, note: Callable[[str], object] = str) -> int:
        """Encrypt all its rows, a batch at a time; can be cut off and run again. Returns how many rows it changed."""
        changed, last = 0, -1
        while batch := self._batch(last):
            last, rows = batch[-1][0], [self._row(*row) for row in batch]
            with pgtrigger.ignore(f"{self.model}:append_only_rows"), transaction.atomic():
                with keys_held(person for row in rows for person, _value in row.plain.values()):
                    values = [row.encrypted() for row in rows]
                self._write(values)
            changed += len(batch)
            note(f"{self.name}: {changed}")
        return changed

    def _batch(self, last: int) -> list[Any]:
        persons = ", ".join(f"({sql})" for sql in self.columns.values())
        texts = ", ".join(
            f"({column} #>> '{{}}')" if column in self.json_columns else column for column in self.columns
        )
        wanted = " OR ".join(self._is_plain(column) for column in self.columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {self.key}, ARRAY[{persons}]::bigint[], ARRAY[{texts}] FROM {self.name}"  # noqa: S608
                f" WHERE {self.key} > %s AND ({wanted}) ORDER BY {self.key} LIMIT {AT_ONCE}",
                [last],
            )
            return cursor.fetchall()

    def _is_plain(self, column: str) -> str:
        person = self.columns[column]
        empty = f"{column}::text IN ('{{}}', 'null')" if column in self.json_columns else f"{column} = ''"
        text = f"({column} #>> '{{}}')" if column in self.json_columns else column
        return (
            f"({column} IS NOT NULL AND NOT {empty} AND NOT starts_with({text}, '{PREFIX}') AND {person} IS NOT NULL)"
        )

    def _row(self, key: int, persons: list[int | None], texts: list[str | None]) -> _Row:
        plain = {
            column: (person, text)
            for column, person, text in zip(self.columns, persons, texts, strict=True)
            if text and text != "{}" and not text.startswith(PREFIX) and person is not None
        }
        return _Row(key, plain)

    def _write(self, rows: Iterable[tuple[int, dict[str, str]]]) -> None:
        with connection.cursor() as cursor:
            for key, values in rows:
                sets = ", ".join(f"{column} = %s" for column in values)
                params = [json.dumps(text) if column in self.json_columns else text for column, text in values.items()]
                cursor.execute(f"UPDATE {self.name} SET {sets} WHERE {self.key} = %s", [*params, key])  # noqa: S608


def move_private_details(names: Iterable[str]) -> None:
    """Move addresses and the details of these names to the columns of entries that are going to be encrypted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(id), 0) FROM audit_entry")
        [(end,)] = cursor.fetchall()
        for last in range(0, end, AT_ONCE):
            with pgtrigger.ignore("audit.Entry:append_only_rows"), transaction.atomic():
                cursor.execute(MOVE, {"names": list(names), "last": last, "rows": AT_ONCE})


@dataclass(frozen=True, slots=True)
class _Row:
    key: int
    plain: Mapping[str, tuple[int, str]]

    def encrypted(self) -> tuple[int, dict[str, str]]:
        return self.key, {column: encrypt(text, person) for column, (person, text) in self.plain.items()}
