"""Files of Unfold that ours stand in for: each was read as it is today, and is to be read again when it changes."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import unfold

from devtools import vendored
from devtools.paths import CHECKOUT

UNFOLD = Path(unfold.__file__).parent
KNOWN = Path(__file__).with_name("overrides.toml")
OURS = ("templates", "admin_dashboards/templates", "admin_dashboards/static")


def overridden() -> dict[str, str]:
    """The hash of each file of Unfold that one of ours stands in for, by its path below `templates` or `static`."""
    found = {}
    for kind in ("templates", "static"):
        theirs = [UNFOLD / kind, *sorted(UNFOLD.glob(f"contrib/*/{kind}"))]
        for ours in (CHECKOUT / folder for folder in OURS if folder.endswith(kind)):
            for file in sorted(file for file in ours.rglob("*") if file.is_file()):
                name = file.relative_to(ours)
                for original in (folder / name for folder in theirs):
                    if original.exists():
                        path = original.relative_to(UNFOLD).as_posix()
                        found[path] = hashlib.sha256(original.read_bytes()).hexdigest()[:16]
    return found


def test_overridden_files_of_unfold_are_unchanged() -> None:
    """Compare a changed file with ours, carry over what matters, and put its new hash into overrides.toml."""
    known = tomllib.loads(KNOWN.read_text())
    found = overridden()
    assert len(found) > 20
    assert [name for name in found.keys() | known.keys() if found.get(name) != known.get(name)] == []


def test_alpine_is_the_build_that_was_chosen() -> None:
    assert hashlib.sha256(vendored.FILE.read_bytes()).hexdigest() == vendored.SHA256
    assert f'version:"{vendored.VERSION}"' in vendored.FILE.read_text()
