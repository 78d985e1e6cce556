"""The API's answers as a user gets them, for staff who view as that user: the very calls, and never a write."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.urls import resolve

from api.auth import ImpersonatedRequest
from api.main import api
from apps.users.models import User


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call answers."""

    path: str
    operation: str
    """The id of the operation that answered, such as "list_stories"; empty where there is none at the address."""
    status: int
    body: Any
    """As the JSON of the answer reads."""


def operations() -> set[str]:
    """The ids of all GET calls."""
    return set(_reading_calls().values())


def lists() -> list[str]:
    """The address of every GET call that needs no id."""
    return [path for path in _reading_calls() if "{" not in path]


def addresses_of(resource: str, object_id: int) -> list[str]:
    """The addresses of the GET calls about one object of a resource, such as ("stories", 5)."""
    return [
        f"{path.partition('{')[0]}{object_id}{path.partition('}')[2]}"
        for path in _reading_calls()
        if path.startswith(f"/api/{resource}/{{")
    ]


def answers_for(person: User, paths: list[str], *, base: str) -> list[Answer]:
    """What the calls answer `person`, by the very code that answers them; nothing can be written meanwhile.

    `base`, such as "https://infloo.example", begins the addresses inside the answers.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        try:
            return [_answer(person, path, base) for path in paths]
        finally:
            transaction.set_rollback(True)


def _answer(person: User, path: str, base: str) -> Answer:
    address, _question_mark, query = path.partition("?")
    view, _args, path_parts = resolve(address)
    place = urlsplit(base)
    request = ImpersonatedRequest(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": address,
            "QUERY_STRING": query,
            "SERVER_NAME": place.hostname,
            "SERVER_PORT": str(place.port or ""),
            "HTTP_HOST": place.netloc,
            "wsgi.url_scheme": place.scheme,
            "wsgi.input": io.BytesIO(),
        }
    )
    request.person, request.user = person, AnonymousUser()
    # A savepoint: a call that fails in the database must not fail the calls after it.
    with transaction.atomic():
        response = view(request, **path_parts)
    return Answer(path, _operation(address), response.status_code, json.loads(response.content))


def _operation(address: str) -> str:
    parts = address.split("/")
    for path, operation in _reading_calls().items():
        pattern = path.split("/")
        if len(pattern) == len(parts) and all(a == b or a.startswith("{") for a, b in zip(pattern, parts, strict=True)):
            return operation
    return ""


def _answers_json(operation: dict[str, Any]) -> bool:
    """Whether it answers what a page can show: a copy of all data is for its user alone."""
    answers = {str(status): answer for status, answer in operation["responses"].items()}
    return "application/json" in answers["200"].get("content", {})


def _reading_calls() -> dict[str, str]:
    return {
        path: operation["operationId"]
        for path, operations in api.get_openapi_schema()["paths"].items()
        if (operation := operations.get("get")) and _answers_json(operation)
    }
