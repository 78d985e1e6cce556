"""The schema of the tests' database, kept in var/ from one run to the next.

Migrations take half a minute, nearly all of it for the states of models between them, and leave the same schema for
as long as neither they nor the libraries change. Permissions and roles are made anew in each run, by the code of today.

Where none is kept, one process of the run migrates, and the others wait for what it keeps.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import psycopg
from django.apps import apps
from django.db import connection
from psycopg import sql

from devtools.embedded.programs import path_of, run
from devtools.paths import CHECKOUT, VAR
from tests.architecture.imports import imported
from tests.settings import servers

FOLDER = VAR / "test-schema"
MADE_AFTERWARDS = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
"""Tables that Django and the roles fill after the migrations, in every run."""
_turn = ExitStack()
"""Of this process to migrate. A process that is killed gives it up."""


def kept() -> bytes | None:
    """What the same migrations once left, as SQL that the owner runs in an empty database; None where none is kept."""
    try:
        return _file().read_bytes()
    except FileNotFoundError:
        return None


def restore() -> bool:
    """Make the tests' database as the same migrations once left it. Where none is kept, False, and it is this
    process's turn to migrate until it calls `keep`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    fcntl.flock(_turn.enter_context((FOLDER / "turn").open("w")), fcntl.LOCK_EX)
    schema = kept()
    if schema is None:
        return False
    _turn.close()
    name = connection.creation._get_test_db_name()
    with psycopg.connect(servers.owner_database_url(), autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    run(servers.home, [*_client("psql", name), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"], schema)
    return True


def keep() -> None:
    """Keep the schema of the tests' database for the runs to come, in place of former ones."""
    name = connection.settings_dict["NAME"]
    left_out = [f"--exclude-table-data={table}" for table in MADE_AFTERWARDS]
    file = _file()
    part = file.with_suffix(f".{name}")
    part.write_bytes(run(servers.home, [*_client("pg_dump", name), "--no-owner", *left_out]))
    part.replace(file)
    for former in set(FOLDER.glob("*.sql")) - {file}:
        with suppress(FileNotFoundError):
            former.unlink()
    _turn.close()


def _client(program: str, database: str) -> list[str]:
    return [path_of(servers.home, program), f"--host={servers.home}", "--username=infloo", f"--dbname={database}"]


@cache
def _file() -> Path:
    digest = sha256()
    for file in [CHECKOUT / "requirements" / "dev.txt", CHECKOUT / "config" / "settings.py", *sorted(_sources())]:
        digest.update(file.read_bytes())
    return FOLDER / f"{digest.hexdigest()[:32]}.sql"


def _sources() -> set[Path]:
    """The migrations of our apps, and what they import of ours; those of libraries change with their versions."""
    ahead = [file for config in apps.get_app_configs() for file in _migrations_of(Path(config.path))]
    found: set[Path] = set()
    while ahead:
        file = ahead.pop()
        if file not in found:
            found.add(file)
            ahead += [module for name in imported(file.read_text()) for module in _module(name)]
    return found


def _migrations_of(app: Path) -> Iterator[Path]:
    if app.is_relative_to(CHECKOUT) and not app.is_relative_to(CHECKOUT / ".venv"):
        yield from (app / "migrations").glob("*.py")


def _module(name: str) -> Iterator[Path]:
    """The file of a module, or of the module that has this name in it; none of a library's."""
    for each in (name, name.rpartition(".")[0]):
        place = CHECKOUT / each.replace(".", "/")
        yield from (file for file in (Path(f"{place}.py"), place / "__init__.py") if file.exists())
