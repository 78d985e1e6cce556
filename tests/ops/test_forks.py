"""Programs that tests start as forks are as those that `python` starts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from apps.infra.files import child_process
from tests import forks
from tests.drawn import filled_form, picture
from tests.forks import Fork

PROGRAM = """
import atexit, json, os, signal, sys, threading
print(json.dumps({
    "arguments": sys.argv[1:],
    "is the file": "__file__" in globals() and os.path.samefile(sys.argv[0], __file__),
    "names": [__name__, sys.modules["__main__"].__name__],
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
atexit.register(print, "at its end")
if "fail" in sys.argv:
    raise KeyError("failed")
if "wait" in sys.argv:
    signal.pause()
sys.exit("said at the end" if "say" in sys.argv else 7)
"""


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["program.py", "a", "b"], "programs"),
        (["-m", "program", "a"], "programs"),
        (["-c", PROGRAM], "programs"),
        (["program.py", "fail"], "programs"),
        (["program.py", "say"], "programs"),
        (["program.py", "a"], "children"),
    ],
)
def test_a_forked_program_differs_in_nothing_from_a_started_one(
    tmp_path: Path, arguments: list[str], kind: str
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [str(tmp_path / arguments[0]), *arguments[1:]] if arguments[0].endswith(".py") else arguments
    environment = {"PATH": "/bin", "SOME": "thing"}
    started = subprocess.run(
        [sys.executable, *forks.STARTS[kind][0], *command],
        cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    for leaves in (False, True):
        forked = Fork(command, env=environment, cwd=tmp_path, kind=kind, leaves=leaves)
        out, err = forked.communicate()
        assert forked.poll() == started.returncode
        written, last = out.splitlines(), started.stdout.splitlines()
        assert json.loads(written[0]) == json.loads(last[0])
        assert written[1:] == last[1:] == ["at its end"]
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


ANY_SIZE = {"max_side": 400, "max_short": 0, "effort": 2, "watermark": "vera", "max_pages": 9}


def test_a_forked_child_answers_as_a_started_one_within_the_same_limits() -> None:
    form = filled_form("Ada Lovelace")
    drawing = {"do": "render", "media_type": "application/pdf", "page": 1} | ANY_SIZE
    started, forked = child_process.run_child, forks.run_child
    page = started("rendering", form, drawing, seconds=15, memory=1 << 30).stdout
    hashing: dict[str, object] = {"do": "hash", "lengths": [len(page)]}
    asked: dict[str, tuple[str, bytes, dict[str, object], int]] = {
        "a page": ("rendering", form, drawing, 1 << 30),
        "a picture": ("rendering", picture(), drawing | {"media_type": "image/png"}, 1 << 30),
        "no such page": ("rendering", form, drawing | {"page": 2}, 1 << 30),
        "the file": ("rendering", form, drawing | {"do": "inspect"}, 1 << 30),
        "hashes": ("comparing", page, hashing, 1 << 30),
        "hashes of nothing": ("comparing", b"no page", hashing, 1 << 30),
        "hashes in little memory": ("comparing", page, hashing, 1 << 26),
        "a check": ("pdf_check", form, {"pages": 9}, 1 << 30),
    }
    for what, (child, content, order, memory) in asked.items():
        one, other = (run(child, content, order, seconds=15, memory=memory) for run in (started, forked))
        assert (other.returncode, other.stdout) == (one.returncode, one.stdout), what
        assert other.args == one.args
        assert bool(other.stderr) == bool(one.stderr), what


def test_a_forked_child_is_ended_when_its_time_is_over() -> None:
    form = filled_form("Ada Lovelace")
    order = {"do": "inspect", "media_type": "application/pdf", "max_pages": 9}
    with pytest.raises(subprocess.TimeoutExpired):
        forks.run_child("rendering", form, order, seconds=-child_process.STARTING, memory=1 << 30)
