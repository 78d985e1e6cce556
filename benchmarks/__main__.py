"""`make bench`: what the platform carries on this machine, clients included, on servers that keep what they are given.

Prints tables, and writes the figures to var/bench.json.
"""

import argparse
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import http_load, large, socket_load
from devtools.embedded.throwaway import throwaway
from devtools.paths import CHECKOUT, VAR

AMOUNTS = {"users": 20_000, "events": 20_000, "stories": 20_000, "messages": 200_000, "notifications-per-user": 10}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="for each address (default 5)")
    parser.add_argument("--connections", type=int, default=16, help="at a time (default 16)")
    parser.add_argument("--large", action="store_true", help="instead, each list and table on a large platform")
    options = parser.parse_args()
    with throwaway(durable=True) as servers:
        environment = {
            "PATH": os.environ["PATH"],
            "DEBUG": "1",
            "DATABASE_URL": servers.database_url(),
            "REDIS_URL": servers.redis_url(),
            "LIMITS_SCALE": "100000",
        }
        amounts = large.AMOUNTS if options.large else AMOUNTS
        say("Filling the database ...")
        sample = fill(CHECKOUT, environment, amounts)
        figures: dict[str, Any] = {"machine": machine(), "amounts": amounts, "seeded_in_seconds": sample["seconds"]}
        serve = [sys.executable, "manage.py", "serve", "--port"]
        if options.large:
            environment["DJANGO_SUPERUSER_PASSWORD"] = sample["password"]
            manage(
                environment, "createsuperuser", "--noinput", f"--username={large.STAFF}", "--email=bench@example.com"
            )
            with process(environment, serve) as port:
                http_load.wait_until_ready(port)
                figures |= large.measure(port, sample)
            say(f"Filled in {sample['seconds']} seconds.")
            for part in ("api", "console"):
                show_slowest(part, figures[part])
            keep("bench-large.json", figures)
            return
        with process(environment, serve) as port:
            http_load.wait_until_ready(port)
            figures["one_port"] = http_load.measure(port, sample, options.seconds, options.connections)
            show("HTTP, one process for HTTP and sockets (make run)", figures["one_port"])
            figures["sockets"] = socket_load.measure(port, sample, options.seconds)
            show("Sockets: a message, from sending it to the other side having it", figures["sockets"])
        with process(environment, web_of_production()) as port:
            http_load.wait_until_ready(port)
            figures["web"] = http_load.measure(port, sample, options.seconds, options.connections)
            show("HTTP, web process of production", figures["web"])
    keep("bench.json", figures)


def keep(name: str, figures: dict[str, Any]) -> None:
    file = VAR / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(figures, indent=2) + "\n")
    say(f"\nFigures: {file.relative_to(CHECKOUT)}")


def show_slowest(part: str, times: dict[str, float], most: int = 15) -> None:
    say(f"\nMilliseconds of one page, {part}: the slowest of {len(times)}")
    for address, milliseconds in list(times.items())[:most]:
        say(f"  {milliseconds:>8,.1f}  {address}")


def say(text: str) -> None:
    print(text, flush=True)


def fill(checkout: Path, environment: dict[str, str], amounts: dict[str, int]) -> dict[str, Any]:
    """Migrate and seed. Returns what `seed` says of it."""
    manage(environment, "migrate", "--verbosity", "0", folder=checkout)
    options = (f"--{name}={count}" for name, count in amounts.items())
    sample: dict[str, Any] = json.loads(manage(environment, "seed", *options, folder=checkout))
    return sample


def python_of(checkout: Path) -> str:
    return str(checkout / ".venv" / "bin" / "python")


def manage(environment: dict[str, str], *command: str, folder: Path = CHECKOUT) -> str:
    done = subprocess.run(
        [python_of(folder), "manage.py", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


@contextmanager
def process(environment: dict[str, str], command: list[str], folder: Path = CHECKOUT) -> Iterator[int]:
    """Runs a server on a free port, given as its last argument."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    server = subprocess.Popen([*command, str(port)], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def web_of_production() -> list[str]:
    """The line of deploy/Procfile, on this machine alone."""
    line = re.search(r"^web: granian (.*)$", (CHECKOUT / "deploy" / "Procfile").read_text(), re.MULTILINE)
    assert line
    arguments = re.sub(r"--host \S+ --port \S+", "", line[1]).split()
    return [sys.executable, "-m", "granian", "--log-level", "error", *arguments, "--host", "127.0.0.1", "--port"]


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    say(f"\n{title}")
    width = max(map(len, rows))
    for name, row in rows.items():
        cells = "  ".join(f"{key} {value:>8,.1f}" for key, value in row.items())
        say(f"  {name:<{width}}  {cells}")


if __name__ == "__main__":
    main()
