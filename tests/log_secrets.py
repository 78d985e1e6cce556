"""What no log may hold: secrets, tokens, mail addresses and the text of messages.

Everything that a test and the processes it starts write to stderr is read once it has ended, in production's form.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import structlog
from django.conf import settings

from config.tracebacks import traceback_as_text
from tests import people

KINDS = {
    "password": rf"{people.PASSWORD}|\$argon2|pbkdf2_sha256\$",
    "token": r"eyJ[\w-]{8,}\.[\w-]{8,}",
    "signature": r"/media/[\w.-]+:\w+:[\w-]+",
    # Ids of traces are as long, and hexadecimal.
    "session key": r"(?<![\w-])(?=[a-f0-9]*[g-z])[a-z0-9]{32}(?![\w-])",
    "code of a second factor": r"(?i:otp|code)\W{1,5}\d{6}(?!\d)",
    "mail address": r"(?<=[\w.+-])@[\w-]+(?:\.[\w-]+)+",
}
PATTERNS = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}
"""One by one they take less than half as long as together."""
SHORTEST_TEXT = 8
"""Characters. Shorter messages of tests are words that logs may well use."""

_texts: set[str] = set()


def write_as_production() -> None:
    """Give this process's log the form that production gives it."""
    logging_settings: dict[str, Any] = settings.LOGGING
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            traceback_as_text,
            structlog.processors.JSONRenderer(),
        ],
        foreign_pre_chain=logging_settings["formatters"]["lines"]["foreign_pre_chain"],
    )
    for name in ("", *logging_settings["loggers"]):
        for handler in logging.getLogger(name).handlers:
            if type(handler) is logging.StreamHandler:
                handler.setFormatter(formatter)


def plant_messages() -> None:
    """From now on, the text of each message that is sent or saved may not be logged by the test that did it.

    Not by a signal: rows that are listened to are written in another way.
    """
    from apps.chat.models import Message
    from apps.chat.writing import Draft

    column: Any = Message._meta.get_field("text")
    drafts: Any = Draft
    write, send = column.pre_save, drafts.__post_init__

    def written(row: Any, add: bool) -> Any:
        _plant(row.text)
        return write(row, add)

    def sent(draft: Draft) -> None:
        _plant(draft.text)
        send(draft)

    column.pre_save, drafts.__post_init__ = written, sent


def _plant(text: str) -> None:
    if len(text) >= SHORTEST_TEXT:
        _texts.add(json.dumps(text)[1:-1])


def found_in(written: str) -> list[str]:
    """Which logger wrote what kind of secret; never the secret."""
    texts = {text for text in _texts if text in written}
    _texts.clear()
    patterns = {kind: pattern for kind, pattern in PATTERNS.items() if pattern.search(written)}
    if not texts and not patterns:
        return []
    found = []
    for line in written.splitlines():
        kinds = [kind for kind, pattern in patterns.items() if pattern.search(line)]
        if any(text in line for text in texts):
            kinds.append("text of a message")
        found += [f"{_logger(line)} wrote a {kind}" for kind in kinds[:1]]
    return found


def _logger(line: str) -> str:
    try:
        return str(json.loads(line)["logger"])
    except (ValueError, KeyError, TypeError):
        return "a process"
