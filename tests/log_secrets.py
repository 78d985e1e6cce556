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
from django.db.models.signals import post_save

from config.tracebacks import traceback_as_text
from tests import people

KINDS = {
    "password": rf"{people.PASSWORD}|\$argon2|pbkdf2_sha256\$",
    "token": r"eyJ[\w-]{8,}\.[\w-]{8,}",
    "signature": r"/media/[\w.-]+:\w+:[\w-]+",
    "session key": r"(?<![\w-])[a-z0-9]{32}(?![\w-])",
    "code of a second factor": r"(?i:otp|code)\W{1,5}\d{6}(?!\d)",
    "mail address": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
}
PATTERN = re.compile("|".join(f"(?P<k{place}>{pattern})" for place, pattern in enumerate(KINDS.values())))
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
    """From now on, the text of each message that is saved may not be logged by the test that saved it."""
    post_save.connect(_plant, sender="chat.Message", dispatch_uid="planted messages")


def _plant(instance: Any, **_rest: Any) -> None:
    if len(instance.text) >= SHORTEST_TEXT:
        _texts.add(json.dumps(instance.text)[1:-1])


def found_in(written: str) -> list[str]:
    """Which logger wrote what kind of secret; never the secret."""
    texts = {text for text in _texts if text in written}
    _texts.clear()
    if not texts and not PATTERN.search(written):
        return []
    found = []
    for line in written.splitlines():
        match = PATTERN.search(line)
        kind = [*KINDS][int((match.lastgroup or "k0")[1:])] if match else "text of a message"
        if match or any(text in line for text in texts):
            found.append(f"{_logger(line)} wrote a {kind}")
    return found


def _logger(line: str) -> str:
    try:
        return str(json.loads(line)["logger"])
    except (ValueError, KeyError, TypeError):
        return "a process"
