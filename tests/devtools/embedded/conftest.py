"""Folders in which the embedded servers of a test live."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.embedded import checkout as of_checkout
from devtools.embedded import ownership


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user may enter, in place of the real one."""
    folder = Path(tempfile.mkdtemp(prefix="infloo-elsewhere-", dir=ownership.ELSEWHERE))
    folder.chmod(0o1777)
    monkeypatch.setattr(ownership, "ELSEWHERE", folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(elsewhere: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=elsewhere))


@pytest.fixture
def checkout(tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in a folder that is closed to other users."""
    folder = tmp_path / "closed" / "checkout"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o700)
    monkeypatch.setattr(of_checkout, "CHECKOUT", folder)
    monkeypatch.setattr(of_checkout, "VAR", folder / "var")
    return folder
