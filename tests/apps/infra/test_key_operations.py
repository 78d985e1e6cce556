"""Keys of history made 64 bits wide while others write, wherever the migration is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.migrations.state import ProjectState

from apps.events.models import Event
from apps.infra.key_operations import WidenKeys, _wide_index
from apps.infra.owner import as_owner
from tests import people
from tests.client import api
from tests.console import console
from tests.factories import make_event

TABLE, KEY = "events_historicalevent", "history_id"
LAST = 2**31 - 1
"""The last key that a narrow column takes."""
STRUCTURE = """
    SELECT 'column', attname::text, concat(atttypid::regtype, attnotnull, attidentity)
    FROM pg_attribute WHERE attrelid = 'events_historicalevent'::regclass AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'index', relname::text, concat(indisvalid, pg_get_indexdef(indexrelid))
    FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid = 'events_historicalevent'::regclass
    UNION ALL SELECT 'constraint', conname::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conrelid = 'events_historicalevent'::regclass
    UNION ALL SELECT 'trigger', tgname::text, tgenabled::text
    FROM pg_trigger WHERE tgrelid = 'events_historicalevent'::regclass
    UNION ALL SELECT 'function', proname::text, '' FROM pg_proc WHERE proname LIKE '%widen'
    UNION ALL SELECT 'right', privilege_type::text, grantee::text
    FROM information_schema.table_privileges WHERE table_name = 'events_historicalevent'
    ORDER BY 1, 2, 3
"""


class Cut(Exception):
    """As if the process were killed."""


@contextmanager
def cut_before(statement: int) -> Iterator[None]:
    """Let no more than so many statements less one through."""
    done = 0

    def count(execute: Any, *args: Any) -> Any:
        nonlocal done
        done += 1
        if done >= statement:
            raise Cut
        return execute(*args)

    with connection.execute_wrapper(count):
        yield


def widen() -> None:
    from django.apps import apps

    state = ProjectState.from_apps(apps)
    with connection.schema_editor(atomic=False) as editor:
        WidenKeys({"historicalevent": [KEY]}).database_forwards("events", editor, state, state)


def ask(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def versions() -> dict[int, str]:
    return dict(Event.history.order_by(KEY).values_list(KEY, "title"))


@pytest.mark.django_db(transaction=True)
def test_keys_become_wide_wherever_the_migration_is_cut_while_others_write() -> None:
    wide = ask(STRUCTURE)
    with as_owner():
        ask(f"ALTER SEQUENCE {TABLE}_{KEY}_seq START WITH 1 RESTART WITH {LAST - 100}")
        ask(f"ALTER TABLE {TABLE} ALTER {KEY} TYPE integer")
    alice = people.alice()
    event, client, written = make_event(alice, "Rehearsal 0"), api(alice), 0
    before = len(versions())

    def write() -> None:
        nonlocal written
        written += 1
        answer = client.patch(f"/events/{event.pk}", {"title": f"Rehearsal {written}"})
        assert answer.status_code == 200, answer.content

    write()
    write()
    cuts = 0
    while True:
        cuts += 1
        try:
            with as_owner(), cut_before(cuts):
                widen()
            break
        except Cut:
            write()
        if cuts == 10:
            with as_owner(), pytest.raises(IntegrityError):
                # As making an index leaves it that is interrupted.
                ask(f"CREATE UNIQUE INDEX CONCURRENTLY {_wide_index(TABLE + '_pkey')} ON {TABLE} (history_type)")
    assert cuts > 20, "each step was cut"
    assert ask(STRUCTURE) == wide
    assert [*versions().values()][before:] == [f"Rehearsal {number}" for number in range(1, written + 1)]
    assert sorted(versions()) == [*range(LAST - 100, LAST - 100 + before + written)], "no key is lost or given twice"
    with as_owner():
        widen()
        ask(f"SELECT setval('{TABLE}_{KEY}_seq', {LAST})")
    write()
    write()
    assert max(versions()) == LAST + 2
    page = console(people.admin()).get(f"/admin/events/event/{event.pk}/history/")
    assert f"Rehearsal {written}" in page.content.decode()


NARROW_KEYS = {
    "auth_group": "made by access managers",
    "auth_permission": "made by migrations",
    "axes_accessattempt": "begins again after its last: its rows go after a day",
    "axes_accessfailurelog": "not written",
    "axes_accesslog": "not written",
    "django_admin_log": "not written",
    "django_content_type": "made by migrations",
    "guardian_groupobjectpermission": "not written: each model that is granted by rows has a table of its own",
    "guardian_userobjectpermission": "not written: each model that is granted by rows has a table of its own",
}
"""The tables whose rows are numbered by 32 bits, with why that is enough."""
NUMBERED = """
    SELECT attrelid::regclass::text, seqcycle FROM pg_depend JOIN pg_sequence ON seqrelid = objid
    JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
    WHERE deptype IN ('a', 'i') AND atttypid <> 'bigint'::regtype
"""


@pytest.mark.django_db
def test_numbers_that_grow_with_traffic_have_64_bits() -> None:
    cycles = dict(ask(NUMBERED))
    assert cycles.keys() == NARROW_KEYS.keys()
    assert [table for table, again in cycles.items() if again] == ["axes_accessattempt"]
    narrow = ask("SELECT attrelid::regclass FROM pg_attribute WHERE attname ~ 'history_id$' AND atttypid <> 20")
    assert narrow == []
