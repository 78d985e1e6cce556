"""`make chaos`: break one part after the other under a load of real writes, and say what users saw, what came back by
itself, and whether anything that was acknowledged is lost or there twice.

Everything runs on this machine, on servers and disks for this run alone, and ends with it.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import serving
from benchmarks.chaos import disks, faults, rounds, stack, table
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.load import Load
from benchmarks.chaos.rounds import Row
from benchmarks.serving import say
from devtools.embedded import ownership
from devtools.embedded.throwaway import throwaway
from devtools.paths import VAR

OUT = VAR / "chaos.json"
PENDING = "SELECT d.id::text FROM users_document d WHERE status = 'pending' AND doc_type = 'identity' ORDER BY id DESC"


def main() -> None:
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    options = parsed()
    chosen = [fault for fault in (*faults.SERVERS, *faults.BUCKET) if options.only.lower() in fault.name.lower()]
    if options.list:
        say("\n".join(fault.name for fault in chosen))
        return
    if not chosen:
        raise SystemExit(f"No fault has “{options.only}” in its name; --list shows them.")
    rows: list[Row] = []
    head = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "commit": serving.commit_of(),
        "machine": serving.machine(),
    }
    figures: dict[str, Any] = head | {"rows": []}
    with own_disk():
        for group, with_bucket in ((faults.SERVERS, False), (faults.BUCKET, True)):
            mine = [fault for fault in chosen if fault in group]
            for row in tried(mine, with_bucket=with_bucket) if mine else ():
                rows.append(row)
                figures = head | {"rows": [each.as_json() for each in rows]}
                # After each, so that a run that is cut short keeps what it has found.
                OUT.write_text(json.dumps(figures, indent=1) + "\n")
    say("\n" + "\n".join(table.lines(figures)))
    if options.document:
        table.write(figures)
    failed = [f"{row.fault}: {sentence}" for row in rows for sentence in row.wrong]
    if failed:
        raise SystemExit("\n".join(["", "Not as it must be:", *failed]))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="the faults with this in their names")
    parser.add_argument("--list", action="store_true", help="name the faults, and do nothing")
    parser.add_argument("--document", action="store_true", help="write the table into docs/chaos.md")
    return parser.parse_args()


@contextmanager
def own_disk() -> Iterator[None]:
    """Where the servers keep their data: a small disk, where this machine allows one."""
    place = Path(tempfile.mkdtemp(prefix="infloo-chaos-", dir=ownership.ELSEWHERE))
    place.chmod(0o755)
    disks.set_up(place)
    before, ownership.ELSEWHERE = ownership.ELSEWHERE, place
    try:
        yield
    finally:
        ownership.ELSEWHERE = before
        disks.take_down(place)
        place.rmdir()


def tried(chosen: Sequence[Fault], *, with_bucket: bool) -> Iterator[Row]:
    with (
        throwaway(durable=True) as pair,
        bucket(wanted=with_bucket) as (more, port),
        stack.running(pair, more, port) as (running, sample),
    ):
        with running.database() as session:
            documents = [row[0] for row in session.execute(PENDING)]
        for number, fault in enumerate(chosen):
            if why := fault.needs(running):
                row = Row(fault.name, skipped=why)
            else:
                load = Load(running, sample, f"{'b' if with_bucket else 'c'}{number}", documents, number)
                row = rounds.run(fault, running, load)
            say(table.line(row.as_json()))
            yield row


@contextmanager
def bucket(*, wanted: bool) -> Iterator[tuple[dict[str, str], int | None]]:
    """A bucket server on this machine: settings for it but for its address, and its port."""
    if not wanted:
        yield {}, None
        return
    import boto3

    from benchmarks import http_load

    port = stack.free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            http_load.wait_until_ready(port, "/moto-api/")
            access = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
            boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **access).create_bucket(Bucket="infloo")
            names = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_STORAGE_BUCKET_NAME": "infloo"}
            yield names | {"USE_S3": "on", "AWS_DEFAULT_REGION": "us-east-1"}, port
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
