"""`python -m benchmarks.transparency`: what the log costs those who write, and how fast it is verified.

Writes by 1, 8 and 32 writers, in pairs of rounds of one run: with a process that adds each row to the log within a
second (in production: a minute), and without. Both rounds of a pair follow each other on the same servers; which comes
first changes from pair to pair. The ratio is the median of the pairs.
"""

from __future__ import annotations

import argparse
import os
import select
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from benchmarks import serving
from benchmarks.serving import say
from devtools.embedded.throwaway import throwaway
from devtools.paths import CHECKOUT

WRITERS = (1, 8, 32)
EVERY = 1.0
"""Seconds from one run of the sequencer to the next."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transparency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6, help="of a round (default 6)")
    parser.add_argument("--pairs", type=int, default=5, help="of rounds for each number of writers (default 5)")
    parser.add_argument("--lines", type=int, default=1_000_000, help="that are verified (default a million)")
    parser.add_argument("--keep-up", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.keep_up:
        keep_up()
        return
    with throwaway(durable=True) as servers:
        environment = serving.environment_on(servers)
        os.environ |= environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=CHECKOUT, env=os.environ, check=True)
        import django

        django.setup()
        from django.conf import settings

        settings.LOG_KEY_FILE = servers.home / "log-key"
        say(f"{serving.machine()}, commit {serving.commit_of()}")
        costs(options.seconds, options.pairs)
        if options.lines:
            verified(options.lines)


def costs(seconds: float, pairs: int) -> None:
    say("Writes a second, median of the rounds; the ratio is the median of the pairs")
    command = [sys.executable, "-m", "benchmarks.transparency", "--keep-up"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as log:
        _tell(log, "catch up")
        for writers in WRITERS:
            rounds = []
            for number in range(pairs):
                found = {}
                for with_log in (True, False) if number % 2 else (False, True):
                    _tell(log, "run" if with_log else "rest")
                    found[with_log] = written(writers, seconds)
                    _tell(log, "catch up")
                rounds.append((found[True], found[False]))
            ratio = statistics.median(with_log / without for with_log, without in rounds)
            medians = [statistics.median(each) for each in zip(*rounds, strict=True)]
            spread = ", ".join(f"{with_log / without:.2f}" for with_log, without in rounds)
            say(f"  {writers:>2}: with {medians[0]:.0f}, without {medians[1]:.0f}, ratio {ratio:.3f} ({spread})")
        log.communicate()


def _tell(log: subprocess.Popen[str], what: str) -> None:
    assert log.stdin
    assert log.stdout
    log.stdin.write(f"{what}\n")
    log.stdin.flush()
    log.stdout.readline()


def keep_up() -> None:
    """The process that keeps the log up, between "run" and "catch up" on its input."""
    import django

    django.setup()
    from apps.transparency.sequencing import sequence

    doing = "rest"
    while True:
        if select.select([sys.stdin.fileno()], [], [], EVERY if doing == "run" else None)[0]:
            if not (doing := sys.stdin.readline().strip()):
                return
            if doing == "catch up":
                sequence()
            print(doing, flush=True)
        elif doing == "run":
            sequence()


def written(writers: int, seconds: float) -> float:
    """Entries a second by so many writers, each committing by itself."""
    from apps.audit.actions import Action
    from apps.audit.services import record

    end = time.monotonic() + seconds
    counts: list[int] = []

    def write() -> None:
        count = 0
        while time.monotonic() < end:
            record(None, Action.VIEWED, reason="benchmark", page=count)
            count += 1
        counts.append(count)

    for thread in [_thread(write) for _ in range(writers)]:
        thread.join()
    return sum(counts) / seconds


def _thread(action: Callable[[], object]) -> threading.Thread:
    from django.db import connections

    def run() -> None:
        try:
            action()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def verified(lines: int) -> None:
    import resource

    from django.db import connection

    from apps.transparency import checkpoints
    from apps.transparency.sequencing import sequence, size
    from apps.transparency.verifying import verify

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_entry (verb, target_type, target_id, reason, detail, request_id, created_at)"
            " SELECT 'viewed', 'users.document', n::text, 'Reason ' || n, '{\"page\": 1}', '', now()"
            " FROM generate_series(1, %s) AS n",
            [max(0, lines - size())],
        )
    began = time.monotonic()
    added = sequence()
    took = time.monotonic() - began
    say(f"Sequenced: {added} lines in {took:.0f} s, {added / took:.0f} a second")
    began = time.monotonic()
    checkpoints.make()
    say(f"Checkpoint of {size()} lines: {(time.monotonic() - began) * 1000:.0f} ms")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = verify()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    assert not found.finding, found.finding
    pace = found.size / found.seconds
    say(f"Verified: {found.size} lines in {found.seconds:.0f} s, {pace:.0f} a second; {grown} MB more memory at most")


if __name__ == "__main__":
    main()
