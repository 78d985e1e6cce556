"""What is written of a request, and what is not."""

import logging

import pytest
from django.test import Client


def test_a_line_names_request_and_address_but_no_query(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        response = client.get("/healthz?q=alice@example.com", headers={"X-Forwarded-For": "9.9.9.9"})
    lines = [record.getMessage() for record in caplog.records if "request_finished" in record.getMessage()]
    assert len(lines) == 1
    assert "GET /healthz" in lines[0]
    assert response["X-Request-ID"] in lines[0]
    assert "127.0.0.1" in lines[0]
    assert "alice" not in caplog.text
    assert "9.9.9.9" not in caplog.text
    assert "request_started" not in caplog.text
