"""A PostgreSQL that is destroyed comes back from its archive; a restore that misses anything says what."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from apps.audit.encryption import key_of
from apps.transparency import checkpoints
from apps.transparency.keys import signing_key
from devtools.drill import Drill
from devtools.embedded.archiving import archiving
from devtools.embedded.postgres import Postgres
from devtools.embedded.programs import path_of, run
from ops.recovery import checks, production
from ops.recovery.archive import Base
from ops.recovery.programs import Failed
from ops.recovery.scratch import connected_to
from tests.factories import make_document, make_story
from tests.people import alice, bob, carol
from tests.settings import number, servers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def primary(settings: object, tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL that archives, with the schema of the tests, on which this test's connection is."""
    home, name = servers.home / f"primary-{number}", str(connection.settings_dict["NAME"])
    run(servers.home, ["mkdir", "-m", "700", str(home)])
    for programs in servers.home.glob("programs-*"):  # copied once
        (home / programs.name).symlink_to(programs)
    options = ["-h", str(servers.home), "-U", "postgres", "--checkpoint=fast", "--no-sync"]
    run(home, [path_of(home, "pg_basebackup"), "-D", str(home / "postgres"), *options])
    server = Postgres(home, durable=False, settings=archiving(1))
    server.start()
    try:
        with psycopg.connect(host=str(home), user="postgres", dbname="postgres", autocommit=True) as session:
            for (other,) in session.execute("SELECT datname FROM pg_database WHERE NOT datistemplate").fetchall():
                if other not in (name, "postgres"):
                    session.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(other)))
        stores = settings.STORAGES
        log = stores["log_folder"] | {"OPTIONS": {"location": str(tmp_path / "log"), "allow_overwrite": True}}
        settings.STORAGES = stores | {"log_folder": log}
        settings.BACKUP_DATABASE_URL = f"postgresql://postgres@/postgres?host={home}"
        with connected_to(home):
            yield server
    finally:
        for process in server.remains():
            process.kill()
        server.reap()


def contents(base: Base) -> bytes:
    with tarfile.open(base.folder / "base.tar.gz") as tar:
        return b"".join(tar.extractfile(member).read() for member in tar if member.isfile())


def log_is_another(folder: Path) -> None:
    """A checkpoint outside that the restored log has not grown from is named, by what each restore asks."""
    first = min(folder.iterdir(), key=lambda file: int(file.name))
    text, times = first.read_text(), first.stat()
    first.write_text(checkpoints.signed(signing_key(), int(first.name), b"x" * 32))
    os.utime(first, (times.st_atime, times.st_mtime))
    with pytest.raises(Failed, match="lines before it were rewritten"):
        checks.require_log(checks.last_commit())
    first.write_text(text)
    os.utime(first, (times.st_atime, times.st_mtime))


def test_a_destroyed_database_is_restored_or_its_gap_is_named(
    primary: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (alice(), bob()):
        make_document(person)
        make_story(person)
    drill, erased = Drill(primary), carol()
    key = key_of(erased.pk)
    drill._erase(erased)
    assert key not in contents(drill.back_up())

    nightly = production.rehearse(drill.archive, drill.programs, primary.home)
    assert (nightly.finding, nightly.lost_seconds < 20) == ("", True)
    assert nightly.rows > 500

    drill.write()
    drill.destroy()
    look = drill._look_for_writes

    def look_at_the_log_too() -> None:
        look()
        log_is_another(tmp_path / "log" / "checkpoints")

    monkeypatch.setattr(drill, "_look_for_writes", look_at_the_log_too)
    latest = drill.restore_latest()
    assert latest.lines > 10
    assert len(drill.written) > drill.lost
    earlier = drill.restore_earlier()
    assert (earlier.erased, earlier.lines > 10) == (2, True)
    assert drill.before.at > earlier.last_commit

    # PostgreSQL takes a gap in the archive for its end.
    *_, gap, last = sorted(drill.archive.wal.glob("0*[0-9A-F].gz"))
    assert gap.name > f"{drill.archive.bases()[-1].first_segment}.gz"
    gap.unlink()
    with pytest.raises(Failed, match=f"goes on to {last.name.removesuffix('.gz')}: WAL is missing"):
        drill.restore_latest()
