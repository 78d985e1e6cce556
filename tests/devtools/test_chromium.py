"""Which Chromium the browser tests start: the headless shell where there is one, whichever way it came."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools import chromium


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "own"))


def make_program(path: Path, status: int = 0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)
    return str(path)


def test_the_headless_shell_is_preferred_unless_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = make_program(tmp_path / "bin/chromium")
    shell = make_program(tmp_path / "bin/chromium-headless-shell", status=1)
    assert chromium.find() == whole
    make_program(Path(shell))
    assert chromium.find() == shell
    monkeypatch.setenv("CHROMIUM", "/named")
    assert chromium.find() == "/named"


def test_the_shell_that_playwright_installed_is_found_beside_its_whole_browser() -> None:
    (whole,) = chromium._playwrights_own()
    assert chromium.find() is None
    make_program(whole)
    folder = next(one for one in whole.parents if one.name.startswith("chromium-"))
    number = folder.name.removeprefix("chromium-")
    shell = folder.with_name(f"chromium_headless_shell-{number}") / "chrome-headless-shell-linux64"
    made = make_program(shell / "chrome-headless-shell")
    assert chromium.find() == made
    make_program(Path(made), status=1)
    assert chromium.find() == str(whole)
