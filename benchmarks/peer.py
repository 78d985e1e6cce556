"""The peer: a plain build of the same product that is given as a folder, filled and served on the same servers.

The folder holds a Django project with seed.py, config/wsgi.py and config/asgi.py. Its environment is the `venv` in
PEER_HOME (~/.cache/infloo-peer), which its own side_by_side.sh makes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.http_load import Call
from benchmarks.serving import Served, process
from devtools.embedded.pair import Pair

NAMES = {"create_event": "post event", "login": "log in"}
"""What the peer calls some of the calls, and what they are called here."""
BROKER = 5
"""The number of its database in Valkey."""


def home() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("PEER_HOME", cache / "infloo-peer"))


@contextmanager
def served(folder: Path, servers: Pair) -> Iterator[tuple[Served, dict[str, Call]]]:
    """Its web process under granian, and its calls by our names. Raises `SystemExit` without its environment."""
    python = home() / "venv" / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{python} is missing: run side_by_side.sh of the peer once, which makes it.")
    with tempfile.TemporaryDirectory(prefix="infloo-peer-") as made:
        work = Path(made) / "peer"
        shutil.copytree(folder, work)
        with psycopg.connect(servers.owner_database_url(), autocommit=True) as session:
            session.execute("CREATE DATABASE peer")
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE_URL": servers.owner_database_url("peer"),
            "REDIS_URL": servers.redis_url(BROKER),
            "MEDIA_ROOT": str(Path(made) / "media"),
            "DB_CONN": "age",
        }
        file = Path(made) / "requests.json"
        subprocess.run(
            [str(python), "seed.py", "--requests-out", str(file)],
            cwd=work, env=environment, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        calls = calls_from(json.loads(file.read_text()))
        command = [str(python), "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--workers", "1"]
        command += ["--blocking-threads", "4", "--log-level", "error", "config.wsgi:application", "--port"]
        with process(environment, command, work, ready="/api/events") as server:
            yield server, calls


def calls_from(requests: dict[str, Any]) -> dict[str, Call]:
    """Its calls. Events are public there; ours carry a token, so theirs do."""
    token = {"Authorization": requests["profile"]["headers"]["Authorization"]}
    public = {"events", "event"}
    return {
        NAMES.get(name, name): Call(
            request["method"],
            request["path"],
            request.get("body"),
            {key: value for key, value in request.get("headers", {}).items() if key != "Content-Type"}
            | (token if name in public else {}),
        )
        for name, request in requests.items()
    }
