"""What was done to the log or to its rows is found and named: `manage.py audit verify`, against a superuser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import transaction

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import record
from apps.errors import Conflict
from apps.transparency import sequencing, verifying
from apps.transparency.jobs import checkpoint
from apps.transparency.keys import SigningKey
from apps.transparency.models import Checkpoint, Leaf, Publication, Verification
from apps.transparency.sequencing import record_purge
from infloo_verify import TILE, Key, NotValid, check_log
from tests.apps.transparency.sessions import attacker, restart_numbers

pytestmark = pytest.mark.django_db(transaction=True)

OURS = SigningKey.new("infloo.example/log")
THEIRS = SigningKey.new("infloo.example/log")
ROWS = 600


@pytest.fixture(autouse=True)
def folder(settings: LazySettings, tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "log"
    options = {"location": str(place), "allow_overwrite": True}
    log = {"log_folder": {"BACKEND": "apps.infra.files.storage.Folder", "OPTIONS": options}}
    settings.STORAGES = settings.STORAGES | log
    settings.LOG_SIGNING_KEY, settings.LOG_VERIFIER_KEYS = str(OURS), []
    yield place
    storages._storages.clear()


@pytest.fixture
def entries(folder: Path) -> list[int]:
    """Rows of two checkpoints, over more than two tiles; their numbers."""
    restart_numbers()
    # As `record` writes them, at once.
    Entry.objects.bulk_create(Entry(verb=Action.VIEWED, reason=f"Reason {number}", detail={}) for number in range(ROWS))
    checkpoint()
    record(None, Action.VIEWED, reason="one more")
    checkpoint()
    return list(Entry.objects.order_by("pk").values_list("pk", flat=True))


def finding(*options: str) -> str:
    """What `manage.py audit verify` names; empty where all is in order."""
    said = StringIO()
    with suppress(SystemExit):
        call_command("audit", "verify", *options, stdout=StringIO(), stderr=said)
    latest = Verification.objects.first()
    assert latest is not None
    assert said.getvalue() == (f"NOT in order: {latest.finding}\n" if latest.finding else "")
    return latest.finding


def swap(session: psycopg.Connection, table: str, key: str, one: int, other: int) -> None:
    """Let two rows change their numbers."""
    for before, after in ((one, -1), (other, one), (-1, other)):
        session.execute(f"UPDATE {table} SET {key} = {after} WHERE {key} = {before}")  # noqa: S608


BEHIND = """
    INSERT INTO audit_entry (id, verb, target_type, target_id, reason, detail, request_id, created_at)
    SELECT 0, verb, target_type, target_id, reason, detail, request_id, created_at FROM audit_entry WHERE id = 1
"""
TAMPERING: dict[str, tuple[Callable[[psycopg.Connection], Any], str]] = {
    "changed": (
        lambda s: s.execute("UPDATE audit_entry SET reason = 'Reason 5' WHERE id = 300"),
        "row 300 of audit.entry (line 299) was changed",
    ),
    "deleted": (
        lambda s: s.execute("DELETE FROM audit_entry WHERE id = 300"),
        "row 300 of audit.entry (line 299) is missing",
    ),
    "swapped": (
        lambda s: swap(s, "audit_entry", "id", 300, 400),
        "row 300 of audit.entry (line 299) is reordered: row 400 holds what it held",
    ),
    "swapped in the log": (
        lambda s: swap(s, "transparency_leaf", "index", 10, 20),
        "line 10 of the log is reordered: it was line 20",
    ),
    "deleted with its leaf": (
        lambda s: s.execute("DELETE FROM transparency_leaf WHERE index = 300; DELETE FROM audit_entry WHERE id = 301"),
        "line 300 of the log is missing",
    ),
    "tree changed": (
        lambda s: s.execute("UPDATE transparency_tile SET hashes = overlay(hashes placing '\\x00' from 33)"),
        "line 1 of the log was changed",
    ),
    "written behind": (
        lambda s: s.execute(BEHIND),
        "row 0 of audit.entry is not in the log: it was not written by the platform",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_by_a_superuser_is_named(what: str, entries: list[int]) -> None:
    assert finding() == ""
    tamper, named = TAMPERING[what]
    with attacker() as session:
        tamper(session)
    assert finding() == named


def test_a_log_rewritten_and_signed_with_another_key_is_found(
    entries: list[int], settings: LazySettings, folder: Path
) -> None:
    kept = (folder / "checkpoint").read_text()
    with attacker() as session:
        session.execute("UPDATE audit_entry SET reason = 'harmless' WHERE id = 300")
        for table in ("leaf", "tile", "checkpoint", "shape", "source", "publication"):
            session.execute(f"DELETE FROM transparency_{table}")  # noqa: S608
    settings.LOG_SIGNING_KEY = str(THEIRS)
    checkpoint()
    assert "not those of the checkpoint that was signed" in Publication.objects.get(place="folder").error
    assert (folder / "checkpoint").read_text() == kept
    assert finding("--key", str(OURS.public)).startswith("the checkpoint of 600 lines in the folder is not of this log")
    settings.STORAGES = {name: each for name, each in settings.STORAGES.items() if name != "log_folder"}
    found = finding("--key", str(OURS.public))
    assert found == "the checkpoint of 601 lines of the database: the checkpoint is signed with another key"
    # Even with our own key in their hands, what was kept elsewhere says otherwise.
    settings.LOG_SIGNING_KEY = str(OURS)
    with attacker() as session:
        session.execute("DELETE FROM transparency_checkpoint")
    checkpoint()
    assert finding() == ""
    elsewhere = folder.parent / "kept"
    elsewhere.write_text(kept)
    found = finding("--against", str(elsewhere))
    assert found == f"the checkpoint of 601 lines {elsewhere} is not of this log: lines before it were rewritten"


def test_a_cut_tail_is_found_and_not_signed(entries: list[int], folder: Path) -> None:
    with attacker() as session:
        session.execute("DELETE FROM audit_entry WHERE id > 590")
        session.execute("DELETE FROM transparency_leaf WHERE index >= 590")
    assert finding() == "the checkpoint of 600 lines in the folder: the log has 590, its end was cut off"
    assert checkpoint() is None
    with attacker() as session:
        session.execute("DELETE FROM transparency_checkpoint")
    assert checkpoint() is not None
    assert "its end was cut off" in Publication.objects.get(place="folder").error


def test_rows_that_wait_are_no_finding_and_a_late_one_is_not_missing(entries: list[int]) -> None:
    record(None, Action.VIEWED)
    assert finding() == ""
    assert Verification.objects.latest("pk").waiting == 1


def test_rows_purged_by_the_schedule_are_accounted_for(entries: list[int]) -> None:
    with pytest.raises(Conflict):
        record_purge("audit.entry", first_row=1, last_row=10_000, count=10)
    with transaction.atomic():
        purge = record_purge("audit.entry", first_row=1, last_row=10, count=10)
        with attacker() as session:
            session.execute("DELETE FROM audit_entry WHERE id <= 10")
    checkpoint()
    assert Leaf.objects.filter(source__label="transparency.purge", row=purge.pk).exists()
    assert finding() == ""
    with attacker() as session:
        session.execute("DELETE FROM audit_entry WHERE id = 11")
    assert finding() == "row 11 of audit.entry (line 10) is missing"
    with attacker() as session:
        session.execute("UPDATE transparency_purge SET last_row = 11")
    assert finding() == f"row {purge.pk} of transparency.purge (line 601) was changed"


def test_a_later_column_leaves_earlier_lines_as_they_are(entries: list[int]) -> None:
    with attacker() as session:
        session.execute("ALTER TABLE audit_entry ADD COLUMN later text DEFAULT 'x', ALTER COLUMN actor_id TYPE numeric")
    try:
        record(None, Action.VIEWED)
        checkpoint()
        assert finding() == ""
        assert Leaf.objects.filter(source__label="audit.entry").values("shape").distinct().count() == 2
    finally:
        with attacker() as session:
            session.execute("ALTER TABLE audit_entry DROP COLUMN later, ALTER COLUMN actor_id TYPE bigint")


def test_the_published_log_stands_by_itself(entries: list[int], folder: Path) -> None:
    keys = [Key.read(str(OURS.public))]
    assert check_log(folder, keys) == ROWS + 1
    assert sorted(file.name for file in (folder / "checkpoints").iterdir()) == ["600", "601"]
    names = {str(file.relative_to(folder)) for file in (folder / "tile").rglob("*") if file.is_file()}
    assert names == {
        *(f"tile/{level}/{number}" for level in ("0", "entries") for number in ("000", "001", "002.p/88", "002.p/89")),
        "tile/1/000.p/2",
    }
    assert len((folder / "tile/0/000").read_bytes()) == TILE * 32
    entry = folder / "tile" / "entries" / "001"
    data = bytearray(entry.read_bytes())
    data[40] ^= 1
    entry.write_bytes(data)
    with pytest.raises(NotValid, match="not of the log that is published"):
        check_log(folder, keys)


def test_a_place_that_was_away_catches_up(entries: list[int], folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    folder.touch()  # no folder can be made there
    record(None, Action.VIEWED)
    checkpoint()
    assert Publication.objects.get(place="folder").error
    folder.unlink()
    record(None, Action.VIEWED)
    checkpoint()
    assert not Publication.objects.get(place="folder").error
    assert check_log(folder, [OURS.public]) == ROWS + 3


def test_verification_without_a_key_is_refused(entries: list[int], settings: LazySettings) -> None:
    settings.LOG_SIGNING_KEY, settings.LOG_KEY_FILE = "", None
    with pytest.raises(CommandError, match="No key"):
        call_command("audit", "verify")
    assert checkpoint() is None
    assert Checkpoint.objects.count() == 2


def test_a_changed_key_is_trusted_beside_the_former(entries: list[int], settings: LazySettings) -> None:
    settings.LOG_SIGNING_KEY = str(THEIRS)
    assert "another key" in finding()
    settings.LOG_VERIFIER_KEYS = [str(OURS.public)]
    checkpoint()
    assert Checkpoint.objects.count() == 3
    assert finding() == ""


def test_verification_reads_a_batch_at_a_time(entries: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "BATCH", TILE)
    most: list[int] = []
    rows = verifying._rows

    def counted(run: verifying.Run, lines: Sequence[verifying.Line]) -> Any:
        most.append(len(lines))
        return rows(run, lines)

    monkeypatch.setattr(verifying, "_rows", counted)
    assert finding() == ""
    assert max(most) == TILE
    assert sequencing.size() == sum(most)
