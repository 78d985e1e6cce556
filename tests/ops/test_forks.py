"""Programs that tests start as forks are as those that `python` starts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forks import Fork

PROGRAM = """
import json, os, signal, sys, threading
print(json.dumps({
    "arguments": sys.argv[1:],
    "program": [os.path.samefile(sys.argv[0], __file__), __name__, sys.modules["__main__"].__name__],
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "imports from": sys.path[:2],
    "ours": sorted({"api", "apps", "config", "devtools", "ops", "tests"} & set(sys.modules)),
    "signals": {number.name: str(signal.getsignal(number)) for number in signal.Signals},
    "files": sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc") else [],
    "threads": threading.active_count(),
    "settings are there": "DJANGO_SETTINGS_MODULE" in os.environ,
}))
print("to stderr", file=sys.stderr)
if "fail" in sys.argv:
    raise KeyError("failed")
if "wait" in sys.argv:
    signal.pause()
sys.exit(7)
"""


@pytest.mark.parametrize("arguments", [["program.py", "a", "b"], ["-m", "program", "a"], ["program.py", "fail"]])
def test_a_forked_program_differs_in_nothing_from_a_started_one(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [str(tmp_path / arguments[0]), *arguments[1:]] if arguments[0].endswith(".py") else arguments
    environment = {"PATH": "/bin", "SOME": "thing"}
    started = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    forked = Fork(command, env=environment, cwd=tmp_path)
    out, err = forked.communicate()
    assert forked.poll() == started.returncode
    assert json.loads(out) == json.loads(started.stdout)
    assert err.splitlines()[0] == "to stderr"
    # The traceback of a fork begins with what ran it.
    assert err.splitlines()[-1] == started.stderr.splitlines()[-1]


def test_a_forked_program_dies_of_its_signals(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1):
        forked = Fork([str(tmp_path / "program.py"), "wait"], env={}, cwd=tmp_path)
        assert forked.poll() is None
        forked.send_signal(number)
        assert forked.wait(60) == -number
        forked.send_signal(number)  # to nothing that is not ours
