"""What is written of a request, and what is not."""

import json
import logging
from typing import Any, cast

import pytest
from django.test import Client

from apps.users.authentication.api_sessions import begin
from tests import people
from tests.console import console
from tests.ops.production import PRODUCTION, start
from tests.people import alice


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


def finished(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines of requests, as they were before they became text."""
    return [cast(Any, record.msg) for record in caplog.records if "request_finished" in record.getMessage()]


@pytest.mark.django_db
def test_a_call_is_of_whom_its_token_says_and_never_of_a_session(caplog: pytest.LogCaptureFixture) -> None:
    person, browser = alice(), console(people.support())
    with caplog.at_level(logging.INFO):
        browser.get("/api/events")
        browser.get("/api/users/profile", headers={"Authorization": f"Bearer {begin(person).access}"})
    public, own = finished(caplog)
    assert (public["request"], public.get("user_id")) == ("GET /api/events", None)
    assert (own["request"], own["user_id"]) == ("GET /api/users/profile", person.pk)


@pytest.mark.django_db
def test_a_page_is_of_whom_its_session_says(caplog: pytest.LogCaptureFixture) -> None:
    officer = people.support()
    with caplog.at_level(logging.INFO):
        console(officer).get("/admin/")
    [line] = finished(caplog)
    assert line["user_id"] == officer.pk


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/", {}, 302),
        ("/", {"X-Plain": "1"}, 301),
        ("/admin", {}, 301),
        ("/nowhere", {}, 404),
        ("/", {"Host": "elsewhere.example"}, 400),
        ("/api/nowhere", {}, 404),
        ("/api/users/profile", {}, 401),
        ("/api/events", {"X-Plain": "1"}, 403),
        ("/api/events", {"Host": "elsewhere.example"}, 400),
        ("/static/admin/css/base.css", {}, 200),
        ("/healthz", {"Host": "10.0.0.7"}, 200),
    ],
)
def test_every_request_leaves_one_line(
    settings: Any, caplog: pytest.LogCaptureFixture, path: str, headers: dict[str, str], code: int
) -> None:
    settings.SECURE_SSL_REDIRECT = "X-Plain" in headers
    with caplog.at_level(logging.INFO):
        answer = Client().get(f"{path}?token=secret", headers=headers)
    [line] = finished(caplog)
    assert (line["code"], line["request"]) == (answer.status_code, f"GET {path}") == (code, f"GET {path}")
    assert (line["request_id"], line["ip"]) == (answer["X-Request-ID"], "127.0.0.1")
    assert "secret" not in caplog.text


def test_logging_looks_up_no_user(caplog: pytest.LogCaptureFixture) -> None:
    """Without a database, and with the cookie of a session."""
    client = Client()
    client.cookies["sessionid"] = "s" * 32
    with caplog.at_level(logging.INFO):
        assert client.get("/").status_code == 302
    [line] = finished(caplog)
    assert "user_id" not in line


PRODUCTION_LINES = """
import logging, structlog
from config.settings import LOGGING
import logging.config
logging.config.dictConfig(LOGGING)
def fails(text):
    raise ValueError("outer") from RuntimeError("inner\\nDETAIL:  Failing row contains (\\n" + text + ")")
try:
    fails("sec" + "ret")
except ValueError as error:
    logging.getLogger("django.request").error("one", exc_info=True)
    logging.getLogger("api.errors").error("two", exc_info=error)
    structlog.get_logger("config.logs").exception("three")
"""


def test_a_traceback_is_text_in_its_json_line() -> None:
    done = start(PRODUCTION, "-c", PRODUCTION_LINES)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["one", "two", "three"]
    for line in lines:
        assert "Traceback (most recent call last):\n" in line["exception"]
        assert 'File "<string>"' in line["exception"]
        assert ", in fails" in line["exception"]
        assert line["exception"].endswith("ValueError: outer")
        assert "RuntimeError: inner" in line["exception"]
        assert "exc_info" not in line
    assert "secret" not in done.stderr


@pytest.mark.django_db
def test_a_page_that_fails_leaves_its_line_and_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("config.health._ask_database", lambda: 1 / 0)
    with caplog.at_level(logging.INFO):
        assert Client(raise_request_exception=False).get("/readyz?q=secret").status_code == 500
    [line] = [cast(Any, record.msg) for record in caplog.records if "request_failed" in record.getMessage()]
    assert (line["code"], line["request"], line["exc_info"]) == (500, "GET /readyz", True)
    assert "secret" not in caplog.text


STRANGE_LINES = """
import sys, structlog
import config.settings
structlog.get_logger("one").info("kept", text="half \\ud800 of a pair, and é", when=__import__("datetime").date.today())
structlog.get_logger("two").debug("dropped")
sys.stderr.buffer.raw.close()
structlog.get_logger("three").info("nowhere to write to")
print("went on")
"""


def test_a_line_that_cannot_be_written_fails_nothing() -> None:
    done = start(PRODUCTION, "-c", STRANGE_LINES)
    [line] = [json.loads(line) for line in done.stderr.splitlines()]
    assert (line["event"], line["logger"], line["level"]) == ("kept", "one", "info")
    assert "é" in line["text"]
    assert done.stdout == "went on\n"
