"""How many calls the application answers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from threading import Barrier, Event, Lock
from typing import Any

import pytest

from config.turns import Turns

# Seconds: longer than any of these tests takes.
EVER = 60.0
SOMETHING = bytes(1024 * 1024)


class Application:
    """Counts how many calls run at once. One with a `gate` says that it has `begun` and waits for the gate."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.running = self.most = 0

    def __call__(self, environ: dict[str, Any], _start_response: Any) -> list[bytes]:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            if "gate" in environ:
                environ["begun"].wait(EVER)
                assert environ["gate"].wait(EVER)
            sha256(SOMETHING)  # lets other threads run
            if "fails" in environ:
                raise LookupError
            return [b"answered"]
        finally:
            with self._lock:
                self.running -= 1


def call_often(turns: Turns) -> None:
    with ThreadPoolExecutor(8) as threads:
        for call in [threads.submit(turns, {}, None) for _ in range(200)]:
            call.result(EVER)


def test_no_more_calls_run_at_once_than_there_are_turns() -> None:
    application = Application()
    call_often(Turns(application, at_once=2, patience=EVER))
    assert application.most <= 2


def test_calls_that_take_long_hold_up_no_other_call() -> None:
    application, gate, begun = Application(), Event(), Barrier(3)
    turns = Turns(application, at_once=2, patience=0.001)
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(turns, {"begun": begun, "gate": gate}, None) for _ in range(2)]
        begun.wait(EVER)  # both turns are taken
        assert turns({}, None) == [b"answered"]
        gate.set()
        assert [call.result(EVER) for call in waiting] == [[b"answered"]] * 2
    application.most, turns._patience = 0, EVER
    call_often(turns)
    assert application.most <= 2


def test_calls_are_answered_in_the_order_in_which_they_came() -> None:
    came: list[int] = []
    turns = Turns(lambda environ, _start_response: came.append(environ["number"]), at_once=0, patience=EVER)
    with ThreadPoolExecutor(8) as threads:
        for number in range(8):
            threads.submit(turns, {"number": number}, None)
            while len(turns._waiting) <= number:
                pass
        with turns._lock:
            turns._pass_on()
    assert came == list(range(8))


def test_a_call_that_fails_gives_its_turn_back() -> None:
    turns = Turns(Application(), at_once=1, patience=EVER)
    for _ in range(3):
        with pytest.raises(LookupError):
            turns({"fails": True}, None)
