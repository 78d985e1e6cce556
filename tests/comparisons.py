"""Pages that one test has compared are not compared again by the next.

To the same files, within the same limits, a child gives one answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import pytest

from apps.infra.files import comparing, rendering
from tests.settings import servers

FOLDER = servers.home / "comparisons"
"""Of this run, all of its processes."""


@contextmanager
def kept() -> Iterator[None]:
    """Comparisons are made once by a run; those that fail are made again."""
    ask = comparing.answer_of
    FOLDER.mkdir(exist_ok=True)

    def asked_once(child: str, content: bytes, order: dict[str, object]) -> bytes:
        limits = [rendering.MEMORY, rendering.SECONDS]
        question = json.dumps([child, order, limits], sort_keys=True).encode() + content
        file = FOLDER / sha256(question).hexdigest()
        if file.exists():
            return file.read_bytes()
        answer = ask(child, content, order)
        part = file.with_suffix(f".{id(answer)}")
        part.write_bytes(answer)
        part.replace(file)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "answer_of", asked_once)
        yield
