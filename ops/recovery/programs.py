"""The programs of PostgreSQL, and the user that they run as."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

PLACES = Path("/usr/lib/postgresql")
"""Where Debian has them, beside what is in PATH."""


class Failed(Exception):
    """A backup or restore that did not work out, or differs from what it should be; the message is one sentence."""


@dataclass(frozen=True)
class Programs:
    """`run_as` has arguments of `subprocess`: another user where this one is root, which PostgreSQL refuses."""

    path_of: Callable[[str], str]
    run_as: Mapping[str, Any] = field(default_factory=dict)

    def run(self, name: str, *arguments: str, text: str = "", **environ: str) -> str:
        """What a program writes that runs to its end. Raises `Failed` with the last line of its errors."""
        options = dict(self.run_as)
        if environ:
            options["env"] = {**options.get("env", {"PATH": "/usr/bin:/bin"}), **environ}
        command = [self.path_of(name), *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, **options)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it gave no reason"]
            raise Failed(f"{name} failed: {lines[-1]}")
        return done.stdout

    def append(self, file: Path, text: str) -> None:
        """To a file that is made where it is not there."""
        self.run("sh", "-c", 'umask 077; cat >>"$0"', str(file), text=text)


def installed() -> Programs:
    """Those of this machine, of the newest PostgreSQL that there is."""
    return Programs(_installed)


def _installed(name: str) -> str:
    folders = sorted(PLACES.glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    for place in [*(str(folder) for folder in folders), None]:
        if found := shutil.which(name, path=place):
            return found
    raise Failed(f"{name} is not on this machine: it comes with PostgreSQL, see deploy/Dockerfile.")


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """An address of PostgreSQL for a command line, and the environment that holds its password: others read both."""
    parts: dict[str, Any] = dict(conninfo_to_dict(url))
    password = parts.pop("password", None)
    return make_conninfo(**parts), {"PGPASSWORD": str(password)} if password else {}
