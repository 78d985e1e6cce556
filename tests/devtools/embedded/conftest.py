"""Folders in which the embedded servers of a test live."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.embedded import checkout as of_checkout
from devtools.embedded import ownership
from devtools.embedded.pair import Pair
from tests.settings import servers


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user may enter, in place of the real one."""
    folder = Path(tempfile.mkdtemp(prefix="infloo-elsewhere-", dir=ownership.ELSEWHERE))
    folder.chmod(0o1777)
    monkeypatch.setattr(ownership, "ELSEWHERE", folder)
    yield folder
    shutil.rmtree(folder)


def _folder(place: Path) -> Path:
    """A folder for a pair; where root copies the servers' programs, with those of the tests' own servers."""
    folder = Path(tempfile.mkdtemp(prefix="infloo-pair-", dir=place))
    for programs in servers.home.glob("programs-*"):
        (folder / programs.name).symlink_to(programs)
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


@pytest.fixture
def used_home(home: Path, _made_once: Path) -> Path:
    """A folder for a pair that ran before: what it has is its PostgreSQL's, which initdb takes a second to lay out."""
    copied = Pair(home).postgres.data
    shutil.copytree(_made_once, copied)
    if ownership.is_root():
        ownership.give(home, _made_once.stat().st_uid)
    return home


@pytest.fixture
def checkout(tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in a folder that is closed to other users."""
    folder = tmp_path / "closed" / "checkout"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o700)
    monkeypatch.setattr(of_checkout, "CHECKOUT", folder)
    monkeypatch.setattr(of_checkout, "VAR", folder / "var")
    return folder
