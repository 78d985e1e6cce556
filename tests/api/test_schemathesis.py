"""Thousands of made-up requests to every call: no crash, and no answer that the schema does not declare."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.main import api as application
from apps.connections.models import Connection
from config.wsgi import application as wsgi
from tests.client import api
from tests.people import alice, bob, newton

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 5

# A copy: what it is given, it changes.
schema = schemathesis.openapi.from_dict(deepcopy(application.get_openapi_schema()))
schema.app = wsgi


@pytest.fixture
def headers(db: None, settings: Any, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Of an anonymous request, of a user without the badge, or of one with it and with company."""
    settings.LIMITS_SCALE = 1e6
    # Each request would close the connection, and with it the transaction of the test.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    one, other = alice(), bob()
    Connection.objects.create(sender=other, receiver=one)
    yield {"anonymous": {}, "unverified": api(newton()).headers, "verified": api(one).headers}[request.param]
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("headers", ["anonymous", "unverified", "verified"], indirect=True)
@schema.parametrize()
@hypothesis_settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_every_call_keeps_to_the_schema(case: Any, headers: dict[str, str]) -> None:
    case.validate_response(case.call(headers=headers), checks=CHECKS)


def test_every_call_is_among_them() -> None:
    assert sum(1 for _operation in schema.get_all_operations()) == sum(
        len(methods) for methods in application.get_openapi_schema()["paths"].values()
    )
