"""Pages that one test has drawn or compared are not drawn or compared again by the next.

To the same files, within the same limits, a child gives one answer. Children are forks, which start in a tenth of the
time; what is about their start stands in `started`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from multiprocessing import Pipe
from pathlib import Path
from threading import Lock
from uuid import uuid4

import pytest

from apps.infra.files import child_process, comparing, rendering, uploads
from tests.forks import Fork, run_child
from tests.settings import servers

FOLDER = servers.home / "comparisons"
"""Of this run, all of its processes."""
REMEMBERING = Path(__file__).with_name("remembering_child.py")


@contextmanager
def kept() -> Iterator[None]:
    """What a child answers is asked once by a run; where it fails, it is asked again."""
    ask = rendering.answer_of
    FOLDER.mkdir(exist_ok=True)

    def asked_once(child: str, content: bytes, order: dict[str, object]) -> bytes:
        limits = [rendering.MEMORY, rendering.SECONDS]
        question = json.dumps([child, order, limits], sort_keys=True).encode() + content
        file = FOLDER / sha256(question).hexdigest()
        if file.exists():
            return file.read_bytes()
        answer = ask(child, content, order)
        part = file.with_suffix(f".{uuid4()}")
        part.write_bytes(answer)
        part.replace(file)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        for asking in (comparing, rendering):
            patch.setattr(asking, "answer_of", asked_once)
        for starting in (rendering, uploads):
            patch.setattr(starting, "run_child", run_child)
        yield


@contextmanager
def pages_remembered() -> Iterator[None]:
    """Pages are compared by one child, which finds the features of each once: that takes most of the time of those in
    production, which forget them."""
    asking, asked = Pipe()
    env, lock = child_process.ENVIRONMENT, Lock()
    child = Fork([str(REMEMBERING), str(asked.fileno())], env=env, pass_fds=[asked.fileno()], kind="children")
    asked.close()

    def ask(_child: str, content: bytes, order: dict[str, object]) -> bytes:
        with lock:
            asking.send_bytes(json.dumps(order).encode())
            asking.send_bytes(content)
            return asking.recv_bytes()

    with asking, pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "answer_of", ask)
        yield
    child.wait()


@contextmanager
def started() -> Iterator[None]:
    """Children start as in production, and each is asked anew."""
    with pytest.MonkeyPatch.context() as patch:
        for asking in (comparing, rendering):
            patch.setattr(asking, "answer_of", _answer_of)
        for starting in (rendering, uploads):
            patch.setattr(starting, "run_child", child_process.run_child)
        yield


_answer_of = rendering.answer_of
