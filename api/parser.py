"""Reads what clients send, however hostile."""

from __future__ import annotations

import json
from collections.abc import Sized
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from ninja.parser import Parser

from apps.errors import Invalid, TooLarge

# Bytes of a body without files, and characters of the text beside a file.
BODY_SIZE = 64 * 1024
# Entries of an object, a list, a query or a form; no call knows of nearly as many. Parsing each costs an error.
MOST_ENTRIES = 100
DEEPEST = 10
LONGEST_NAME = 100
"""Characters of a field's name that an answer repeats."""


class StrictParser(Parser):
    """Takes the JSON of the standard only, no more than any call needs, and no text that the database cannot hold."""

    def parse_body(self, request: HttpRequest) -> Any:
        body = json.loads(request.body, parse_constant=_no_constant)
        if isinstance(body, dict):
            _require_few(body, "body")
            for name, value in body.items():
                _require_sound(value, name)
        else:
            _require_sound(body, "body")
        return body

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        # Of a form with files, the text too, whatever the call takes of it.
        for sent in [data] if data is request.GET else [data, request.POST]:
            _require_few(sent, "query" if data is request.GET else "form")
            for name, values in sent.lists():
                _require_sound(values, name)
        if data is not request.GET and sum(_length(values) for _name, values in request.POST.lists()) > BODY_SIZE:
            raise _too_large()
        return super().parse_querydict(data, list_fields, request)


def require_small(request: HttpRequest) -> None:
    """Raise `TooLarge` for a body without files that is larger than any call needs, whatever the call takes of it."""
    if len(request.body) > BODY_SIZE:
        raise _too_large()


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes it: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _require_sound(value: Any, name: str, depth: int = 1) -> None:
    """Raise `Invalid` for the field `name` unless all that is in `value` can be stored, and parsed in little time."""
    if isinstance(value, str):
        if not is_storable(value):
            raise _invalid("unstorable-text", _("The text holds characters that cannot be stored."), name)
    elif isinstance(value, dict | list):
        _require_few(value, name)
        if depth > DEEPEST:
            raise _invalid("too-deep", _("Send fewer objects inside one another."), name)
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            _require_sound(part, name, depth + 1)


def _require_few(entries: Sized, name: str) -> None:
    if len(entries) > MOST_ENTRIES:
        raise _invalid("too-many", _("Send at most %(most)d entries.") % {"most": MOST_ENTRIES}, name)


def _invalid(code: str, text: str, name: str) -> Invalid:
    return Invalid(code, text, field=name[:LONGEST_NAME])


def _too_large() -> TooLarge:
    return TooLarge("too-large", _("Send at most %(size)d KiB of text.") % {"size": BODY_SIZE // 1024})


def _length(texts: list[Any]) -> int:
    return sum(len(text) for text in texts)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
