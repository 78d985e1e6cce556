"""Thousands of made-up requests to every call: no crash, and no answer that the schema does not declare."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from hypothesis import HealthCheck, note
from hypothesis import settings as hypothesis_settings
from ninja.errors import ValidationError
from schemathesis.checks import not_a_server_error
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.errors import from_validation
from api.main import api as application
from apps.connections.models import Connection
from config.wsgi import application as wsgi
from tests.client import api
from tests.people import alice, bob, newton
from tests.undoing import undone

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 5

# A copy: what it is given, it changes.
schema = schemathesis.openapi.from_dict(deepcopy(application.get_openapi_schema()))
schema.app = wsgi


@pytest.fixture(scope="module")
def senders(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, dict[str, str]]]:
    """Headers of a user with the badge and with company, of one without, and of an anonymous request."""
    with django_db_blocker.unblock(), undone():
        one, other = alice(), bob()
        Connection.objects.create(sender=other, receiver=one)
        yield {"verified": api(one).headers, "unverified": api(newton()).headers, "anonymous": {}}


@pytest.fixture
def unread(settings: Any) -> Iterator[list[ValidationError]]:
    """Why requests were refused whose parameters and body do not fit: before the call learns who sends them."""
    settings.LIMITS_SCALE = 1e6
    found: list[ValidationError] = []

    def keep(request: HttpRequest, error: ValidationError) -> HttpResponse:
        found.append(error)
        return from_validation(request, error)

    application.add_exception_handler(ValidationError, keep)
    # Each request would close the connection, and with it the transaction of the test.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield found
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
    application.add_exception_handler(ValidationError, from_validation)


@pytest.mark.django_db
@schema.parametrize()
@hypothesis_settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_every_call_keeps_to_the_schema(
    case: Any, senders: dict[str, dict[str, str]], unread: list[ValidationError]
) -> None:
    """By the user with the badge first. What is refused before a call knows its sender is not sent again by others,
    but for the few made-up requests: they show that senders are refused before what they send is read."""
    unread.clear()
    for sender, headers in senders.items():
        note(sender)
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS)
        if case.meta.phase.name == TestPhase.COVERAGE and (unread or response.status_code == 405):
            break


def test_every_call_is_among_them() -> None:
    assert sum(1 for _operation in schema.get_all_operations()) == sum(
        len(methods) for methods in application.get_openapi_schema()["paths"].values()
    )
