"""Folders in which the embedded servers of a test live."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.embedded import checkout as of_checkout
from devtools.embedded import ownership
from devtools.embedded.pair import Pair
from devtools.embedded.postgres import Postgres
from tests.settings import servers


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user may enter, in place of the real one."""
    folder = Path(tempfile.mkdtemp(prefix="infloo-elsewhere-", dir=ownership.ELSEWHERE))
    folder.chmod(0o1777)
    monkeypatch.setattr(ownership, "ELSEWHERE", folder)
    yield folder
    shutil.rmtree(folder)


def _link_programs(home: Path) -> None:
    """Where root copies the servers' programs, take those of the tests' own servers."""
    for programs in servers.home.glob("programs-*"):
        (home / programs.name).symlink_to(programs)


def _folder(place: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="infloo-pair-", dir=place))
    _link_programs(folder)
    return folder


@pytest.fixture
def home(elsewhere: Path) -> Path:
    """A folder for a pair that lays out its data itself."""
    return _folder(elsewhere)


@pytest.fixture(scope="session")
def _made_once() -> Iterator[Path]:
    folder = _folder(ownership.ELSEWHERE)
    pair = Pair(folder, durable=False)
    with pair.running():
        pass
    yield pair.postgres.data
    shutil.rmtree(folder)


def _copy(made_once: Path, data: Path) -> None:
    shutil.copytree(made_once, data)
    if ownership.is_root():
        ownership.give(data.parent, made_once.stat().st_uid)


@pytest.fixture
def used_home(home: Path, _made_once: Path) -> Path:
    """A folder for a pair that ran before: what it has is its PostgreSQL's, which initdb takes a second to lay out."""
    _copy(_made_once, Pair(home).postgres.data)
    return home


@pytest.fixture
def laid_out(monkeypatch: pytest.MonkeyPatch, _made_once: Path) -> None:
    """Every new pair finds data and programs that were made once."""

    def prepare(self: Postgres) -> None:
        _link_programs(self.home)
        _copy(_made_once, self.data)

    monkeypatch.setattr(Postgres, "prepare", prepare)


@pytest.fixture
def checkout(tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in a folder that is closed to other users."""
    folder = tmp_path / "closed" / "checkout"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o700)
    monkeypatch.setattr(of_checkout, "CHECKOUT", folder)
    monkeypatch.setattr(of_checkout, "VAR", folder / "var")
    return folder
