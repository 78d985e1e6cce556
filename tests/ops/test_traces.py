"""Requests and the jobs they ask for, followed through the log and by a collector of traces."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from structlog.stdlib import ProcessorFormatter

from apps.infra.jobs import ORIGIN
from apps.infra.tracing import TRACEPARENT
from apps.users.authentication.api_sessions import begin
from tests.apps.chat.people import room_of
from tests.jobs import run_worker, waiting
from tests.ops.processes import PATIENCE, Command, HttpCommand, pause
from tests.ops.production import PRODUCTION, start_loaded
from tests.people import PASSWORD, alice, bob

BEGUN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = BEGUN.split("-")[1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "proxies", "is_taken"),
    [
        (BEGUN, ["127.0.0.1"], True),
        (BEGUN, [], False),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", ["127.0.0.1"], False),
        ("ff" + BEGUN[2:], ["127.0.0.1"], False),
        (BEGUN + "\n", ["127.0.0.1"], False),
    ],
)
def test_a_trace_is_taken_from_trusted_proxies_and_handed_on_to_jobs(
    client: Client, settings: Any, given: str, proxies: list[str], is_taken: bool
) -> None:
    settings.TRUSTED_PROXIES = proxies
    answer = client.post(
        "/api/users/auth/password_reset", {"email": alice().email}, "application/json", headers={"traceparent": given}
    )
    [job] = waiting("users.send_reset_code")
    request_id, traceparent = job.args[ORIGIN]
    assert request_id == answer["X-Request-ID"]
    assert TRACEPARENT.fullmatch(traceparent)
    assert (TRACE in traceparent) is is_taken
    assert "00f067aa0ba902b7" not in traceparent


@pytest.mark.django_db(transaction=True)
def test_the_line_of_a_failed_job_has_the_trace_of_its_request(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    address = {"email": alice().email}
    client.post("/api/users/auth/password_reset", address, "application/json", headers={"traceparent": BEGUN})
    settings.EMAIL_BACKEND = "there.is.none"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET attempts = 1000")
    [console] = [each for each in logging.getLogger().handlers if isinstance(each.formatter, ProcessorFormatter)]
    written = StringIO()
    monkeypatch.setattr(console, "stream", written)
    run_worker()
    [line] = [json.loads(line) for line in written.getvalue().splitlines() if "ended with status: Error" in line]
    assert line["trace_id"] == TRACE


class Spans:
    """A collector of traces on this machine."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def spans(self) -> list[Any]:
        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += scope.spans
        return found


@contextmanager
def collector() -> Iterator[tuple[str, Spans]]:
    spans = Spans()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            spans.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.django_db(transaction=True)
def test_a_collector_hears_what_was_called_and_never_with_what() -> None:
    a, b = alice(), bob()
    room, token = room_of(a, b), begin(a).access
    secrets = [token, "Meet me at the harbour", a.email, PASSWORD, room.name]
    with collector() as (url, heard):
        tracing = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "TRUSTED_PROXIES": "127.0.0.1",
            "EMAIL_URL": "smtp://127.0.0.1:1",
        }
        with HttpCommand("web", **tracing) as web, Command("worker", **tracing) as worker:
            web.wait_until(ready=True)
            headers = {"Authorization": f"Bearer {token}", "traceparent": BEGUN}
            assert web.post("/api/chat", {"room": room.name, "message": secrets[1]}, headers) == 201
            # The hasher of the tests is not one of production.
            assert web.post("/api/users/auth/login", {"username": a.email, "password": PASSWORD}, headers) == 401
            assert web.post("/api/users/auth/password_reset", {"email": a.email}, headers) == 200
            deadline = time.monotonic() + PATIENCE
            while "users.send_reset_code" not in {span.name for span in heard.spans()}:
                assert time.monotonic() < deadline
                pause()
            web.ask_to_stop()
            worker.ask_to_stop()
            worker.end()
            web.end()
    spans = [span for span in heard.spans() if span.trace_id.hex() == TRACE]
    names = {span.name for span in spans}
    assert "POST api/chat" in names
    assert "users.send_reset_code" in names
    assert {"SELECT users_user", "EVALSHA"} & names
    [job] = [span for span in spans if span.name == "users.send_reset_code"][:1]
    [asked] = [span for span in spans if span.name == "POST api/users/auth/password_reset"]
    assert job.parent_span_id == asked.span_id
    for secret in secrets:
        assert secret.encode() not in b"".join(heard.bodies), secret


def test_traces_load_nothing_without_a_collector() -> None:
    # redis-py loads the API and a part of the SDK by itself, where they are installed.
    loaded = "sorted(n for n in sys.modules if n.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exporter')))"
    program = f"import sys, config.wsgi; print({loaded})"
    assert start_loaded(PRODUCTION, "-c", program).stdout.strip() == "[]"
