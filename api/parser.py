"""Reads what clients send, however hostile."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from ninja.parser import Parser

from apps.errors import Invalid


class StrictParser(Parser):
    """Takes the JSON of the standard only, and no text that the database cannot hold."""

    def parse_body(self, request: HttpRequest) -> Any:
        body = json.loads(request.body, parse_constant=_no_constant)
        if isinstance(body, dict):
            for name, value in body.items():
                _require_storable(value, name)
        else:
            _require_storable(body, "body")
        return body

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        for name, values in data.lists():
            _require_storable(values, name)
        return super().parse_querydict(data, list_fields, request)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes it: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _require_storable(value: Any, name: str) -> None:
    if isinstance(value, str):
        if not is_storable(value):
            raise Invalid("unstorable-text", _("The text holds characters that cannot be stored."), field=name)
    elif isinstance(value, dict):
        for key, part in value.items():
            _require_storable(key, name)
            _require_storable(part, name)
    elif isinstance(value, list):
        for part in value:
            _require_storable(part, name)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
