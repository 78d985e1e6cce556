"""Rows come into the log after their commit, each once, in whatever order they were committed."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import record
from apps.transparency import sequencing, tree
from apps.transparency.models import Leaf, Source
from apps.transparency.sequencing import read_tile, sequence, size
from apps.transparency.sources import as_stored, row_bytes, tables
from infloo_verify import Tree, commitment, leaf_hash
from tests import people
from tests.apps.transparency.sessions import connected
from tests.races import at_once

ENTRY = "INSERT INTO audit_entry (verb, target_type, target_id, reason, detail, request_id, created_at)"
NEW_ENTRY = f"{ENTRY} VALUES ('viewed', '', '', '', '{{}}', '', now()) RETURNING id"


def entries_in_log() -> list[int]:
    return sorted(Leaf.objects.filter(source__label="audit.entry").values_list("row", flat=True))


@pytest.mark.django_db
def test_every_row_of_every_table_becomes_one_leaf_as_it_is_stored() -> None:
    boss = people.admin()
    boss.groups.add(*boss.groups.model.objects.all()[:2])
    for _ in range(3):
        record(boss, Action.VIEWED, boss)
    added = sequence()
    assert added == size() == sum(table.model._base_manager.count() for table in tables().values()) > 3
    assert sequence() == 0
    mirror = Tree()
    for leaf in Leaf.objects.select_related("source", "shape").order_by("index"):
        columns = leaf.shape.columns
        with as_stored():
            row = tables()[leaf.source.label].by_number(columns, [leaf.row])[leaf.row]
        entry = commitment(bytes(leaf.salt), row_bytes(leaf.source.label, columns, row))
        assert entry == bytes(leaf.commitment)
        mirror.add(leaf_hash(entry))
    assert tree.root(size(), read_tile) == mirror.root()


@pytest.mark.django_db(transaction=True)
def test_a_lower_number_that_commits_later_is_not_missed() -> None:
    with connected() as slow, connected() as quick:
        [late] = slow.execute(NEW_ENTRY).fetchone()
        [early] = quick.execute(NEW_ENTRY).fetchone()
        quick.commit()
        assert late < early
        sequence()
        sequence()
        assert entries_in_log() == [early]
        assert Source.objects.get(label="audit.entry").done < late
        slow.commit()
    sequence()
    assert entries_in_log() == [late, early]
    assert Source.objects.get(label="audit.entry").done == early


@pytest.mark.django_db(transaction=True)
def test_a_transaction_without_an_id_of_its_own_is_waited_for() -> None:
    """It has locked the table and been given a number, and has written nothing yet: no transaction id shows it."""
    with connected() as slow, connected() as quick:
        slow.execute("LOCK TABLE audit_entry IN ROW EXCLUSIVE MODE")
        [number] = slow.execute("SELECT nextval(pg_get_serial_sequence('audit_entry', 'id'))").fetchone()
        quick.execute(NEW_ENTRY)
        quick.commit()
        sequence()
        sequence()
        slow.execute(
            ENTRY.replace("(verb", "(id, verb") + " VALUES (%s, 'viewed', '', '', '', '{}', '', now())", [number]
        )
        slow.commit()
    sequence()
    assert entries_in_log() == [number, number + 1]


@pytest.mark.django_db(transaction=True)
def test_numbers_of_rolled_back_transactions_hold_nothing_up() -> None:
    with connected() as session:
        [number] = session.execute(NEW_ENTRY).fetchone()
        session.rollback()
    sequence()
    assert Source.objects.get(label="audit.entry").done == number
    assert Source.objects.get(label="audit.entry").pending is None


@pytest.mark.django_db(transaction=True)
def test_two_sequencers_at_once_add_each_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencing, "BATCH", 7)
    for _ in range(100):
        record(None, Action.VIEWED)
    added = at_once([sequence] * 4)
    assert sum(added) == size() == 100
    assert list(Leaf.objects.order_by("index").values_list("index", flat=True)) == list(range(100))


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_is_cut_off_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencing, "BATCH", 10)
    for _ in range(25):
        record(None, Action.VIEWED)
    put = sequencing.PUT_TILE
    pass_ = sequencing.Pass(tables()["audit.entry"])
    assert pass_.step() == 10
    monkeypatch.setattr(sequencing, "PUT_TILE", "SELECT pg_terminate_backend(pg_backend_pid()), %s, %s, %s")
    with pytest.raises(Exception, match=r"terminat|closed|lost"):
        pass_.step()
    monkeypatch.setattr(sequencing, "PUT_TILE", put)
    connection.close()
    assert size() == 10
    assert sequence() == 15
    mirror = Tree()
    for each in Leaf.objects.order_by("index").values_list("commitment", flat=True):
        mirror.add(leaf_hash(bytes(each)))
    assert tree.root(25, read_tile) == mirror.root()
    assert entries_in_log() == sorted(Entry.objects.values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_writers_do_not_wait_for_the_sequencer() -> None:
    record(None, Action.VIEWED)
    with connected() as writer, transaction.atomic():
        assert sequencing.Pass(tables()["audit.entry"]).step() == 1
        writer.execute("SET lock_timeout = '100ms'")
        writer.execute(NEW_ENTRY)
        writer.commit()
    assert sequence() == 1
