"""One fault after the other under load, and what became of it."""

from __future__ import annotations

import functools
import operator
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.chaos.calls import Seen
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.ledger import Verdict
from benchmarks.chaos.load import Load
from benchmarks.chaos.stack import Stack

LONGEST_WAIT = 10.0
"""Seconds after which a caller must have an answer, be it an error."""
STEADY = 2.0
RECOVERY = 60.0
"""Seconds within which every kind of call must work again by itself."""
JOBS_RECOVERY = 120.0
"""Seconds within which no job may wait: one whose worker was killed is begun anew when that gave no sign of life for 30
seconds, which is looked at once a minute."""
WAITING_JOBS = (
    "SELECT count(*) FROM procrastinate_jobs"
    " WHERE task_name = 'users.send_reset_code' AND status IN ('todo', 'doing') AND id <= %s"
)


@dataclass
class Row:
    """A line of the table."""

    fault: str
    calls: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    """By status: how many calls failed from the break until the mending."""
    longest: float = 0.0
    longest_of: str = ""
    recovered: float | None = None
    """Seconds from the mending until every kind of call had succeeded and no job waited; None: not in time."""
    slowest_part: str = ""
    """What was last to work again."""
    sent: int = 0
    acknowledged: int = 0
    present: int = 0
    lost: dict[str, list[str]] = field(default_factory=dict)
    doubled: dict[str, list[str]] = field(default_factory=dict)
    unclear: dict[str, int] = field(default_factory=dict)
    """Errors that did not say what is the matter."""
    skipped: str = ""
    wrong: list[str] = field(default_factory=list)
    """Expectations that failed."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def run(fault: Fault, stack: Stack, load: Load) -> Row:
    with fault.ready(stack):
        return _run(fault, stack, load)


def _run(fault: Fault, stack: Stack, load: Load) -> Row:
    row = Row(fault.name)
    stack.mail.received.clear()
    load.start()
    time.sleep(STEADY)
    seen = load.seen
    seen.is_counting = True
    with fault.broken(stack):
        time.sleep(fault.seconds)
    mended = time.monotonic()
    seen.mended_at = mended
    kinds, newest = set(load.ledger.kinds()) | {"jobs"}, 0
    while (missing := kinds - set(seen.first_success)) and time.monotonic() < mended + RECOVERY:
        time.sleep(0.1)
        if missing == {"jobs"}:
            newest = newest or _newest_job(stack)
            _note_jobs(stack, seen, newest)
    load.stop()
    while not _note_jobs(stack, seen, _newest_job(stack)) and time.monotonic() < mended + JOBS_RECOVERY:
        time.sleep(0.1)
    missing = kinds - set(seen.first_success)
    row.calls, row.failures, row.longest = seen.calls, dict(seen.failures), round(seen.longest, 1)
    row.longest_of = seen.longest_of
    row.unclear = dict(seen.unclear)
    if missing:
        row.slowest_part = ", ".join(sorted(missing))
    else:
        row.slowest_part = max(seen.first_success, key=seen.first_success.__getitem__)
        row.recovered = round(seen.first_success[row.slowest_part] - mended, 1)
    _settle(row, load.compare())
    row.wrong = wrong(row, fault)
    for sentence in row.wrong:
        print(f"  {sentence}", flush=True)
    return row


def _newest_job(stack: Stack) -> int:
    with stack.database() as session:
        return int((session.execute("SELECT last_value FROM procrastinate_jobs_id_seq").fetchone() or (0,))[0])


def _note_jobs(stack: Stack, seen: Seen, newest: int) -> bool:
    """Whether no job waits or is under way up to the `newest` that counts. The first such moment is noted."""
    with stack.database() as session:
        [waiting] = session.execute(WAITING_JOBS, [newest]).fetchone() or (0,)
    if not waiting:
        seen.first_success.setdefault("jobs", time.monotonic())
    return waiting == 0


def _settle(row: Row, verdicts: dict[str, Verdict]) -> None:
    total = functools.reduce(operator.add, verdicts.values(), Verdict())
    row.sent, row.acknowledged, row.present = total.sent, total.acknowledged, total.present
    row.lost = {kind: verdict.lost for kind, verdict in verdicts.items() if verdict.lost}
    row.doubled = {kind: verdict.doubled for kind, verdict in verdicts.items() if verdict.doubled}


def wrong(row: Row, fault: Fault) -> list[str]:
    """What is not as it must be."""
    found = []
    if row.lost:
        found.append(f"lost: {row.lost}")
    if row.doubled:
        found.append(f"there twice: {row.doubled}")
    if row.recovered is None:
        found.append(f"not back in time: {row.slowest_part}")
    if not fault.gives_no_answer:
        if row.longest > LONGEST_WAIT:
            found.append(f"a caller waited {row.longest} s ({row.longest_of})")
        if row.unclear:
            found.append(f"unclear errors: {row.unclear}")
    return found
