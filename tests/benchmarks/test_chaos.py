"""What `make chaos` counts as lost, as there twice, and as an answer that helps nobody."""

from collections import Counter

import pytest

from benchmarks.chaos import faults, rounds, table
from benchmarks.chaos.calls import NO_ANSWER, NOTHING, PROBLEM, Answer
from benchmarks.chaos.ledger import Ledger
from benchmarks.chaos.load import reached
from benchmarks.chaos.rounds import Row


def test_the_ledger_finds_what_is_lost_and_what_is_there_twice() -> None:
    ledger = Ledger()
    for key in ("kept", "lost", "twice", "unsure", "unsure twice", "never came"):
        ledger.send("event", key)
    for key in ("kept", "lost", "twice"):
        ledger.acknowledge("event", key)
    found = ledger.compare("event", {"kept": 1, "twice": 2, "unsure": 1, "unsure twice": 2, "of another run": 1})
    assert (found.sent, found.acknowledged, found.present) == (6, 3, 4)
    assert (found.lost, found.doubled) == (["lost"], ["twice", "unsure twice"])


def test_a_profile_must_hold_the_last_acknowledged_text_or_a_later_one() -> None:
    acknowledged = [f"c3-p{number}" for number in (1, 2, 10)]
    assert reached(Counter(["c3-p9"]), acknowledged) == {"c3-p1": 1, "c3-p2": 1}
    assert reached(Counter(["c3-p11"]), acknowledged) == dict.fromkeys(acknowledged, 1)


@pytest.mark.parametrize(
    ("answer", "is_clear"),
    [
        (Answer("201"), True),
        (Answer("503", b'{"detail": "Try again."}', PROBLEM), True),
        (Answer("503", b"<h1>Temporarily unavailable</h1>", "text/html"), True),
        (Answer("503", b"", "text/html"), False),
        (Answer("500", b'{"detail": "Oops."}', PROBLEM), False),
        (Answer(NOTHING), True),
        (Answer(NO_ANSWER), False),
    ],
)
def test_an_error_is_clear_where_its_reader_learns_what_is_the_matter(answer: Answer, is_clear: bool) -> None:
    assert answer.is_clear is is_clear


def test_a_round_fails_by_what_it_lost_and_by_who_waited() -> None:
    fault, well = faults.stopped("Valkey"), Row("Valkey: stopped", recovered=1.0, longest=9.9)
    assert rounds.wrong(well, fault) == []
    ill = Row("x", recovered=None, longest=10.1, lost={"event": ["a"]}, doubled={"report": ["b"]}, unclear={"500": 1})
    assert len(rounds.wrong(ill, fault)) == 5
    assert len(rounds.wrong(ill, faults.process_stopped("web"))) == 3
    assert "| 503 × 2 of 0 | 10.1 s | no |" in table.line((ill.as_json()) | {"failures": {"503": 2}})


def test_every_fault_has_a_name_of_its_own() -> None:
    names = [fault.name for fault in (*faults.SERVERS, *faults.BUCKET)]
    assert len(set(names)) == len(names) > 25
