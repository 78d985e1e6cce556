"""Line breaks in what strangers send: no header, no mail and no line of the log begins anew by one."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from apps.users.accounts.mails import compose
from apps.users.models import User
from tests import people
from tests.client import api
from tests.console import console

pytestmark = pytest.mark.django_db

BREAKS = ["\r\n", "\n", "\r", "\v", "\f", "\x85", "\u2028", "%0d%0a", "%0a", "\\r\\n"]
FORGED = '{"event": "forged", "level": "info"}'


def line_of(record: logging.LogRecord) -> str:
    """As the handler of production writes it."""
    formatter: Any = logging.getLogger().handlers[0].formatter
    return str(formatter.format(record))


def hostile_requests(text: str) -> Iterator[Any]:
    client = Client(raise_request_exception=False)
    sent = text.encode().decode("latin-1")  # as servers hand the bytes of a header on
    names = ("User-Agent", "X-Request-ID", "X-Forwarded-For", "Referer", "Traceparent", "Accept-Language", "Cookie")
    headers = dict.fromkeys(names, sent)
    yield client.get(f"/nowhere/{text}", headers=headers)
    yield client.get(f"/api/nowhere/{text}", headers=headers)
    yield client.get("/healthz", {"q": text}, headers=headers)
    yield client.post("/admin/login/", {"username": text, "password": text, "next": text}, headers=headers)
    yield client.post(
        "/api/users/auth/login", {"username": text, "password": text}, "application/json", headers=headers
    )
    yield client.get("/api/users/profile", headers=headers | {"Authorization": sent})
    report = {"csp-report": {"violated-directive": text, "blocked-uri": text, "document-uri": text}}
    yield client.post("/csp-reports", report, "application/csp-report", headers=headers)
    yield client.generic(text, "/healthz", headers=headers)


def test_a_request_writes_lines_that_are_whole_and_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for text in BREAKS:
        caplog.clear()
        answers = [answer.status_code for answer in hostile_requests(f"x{text}{FORGED}")]
        lines = [line_of(record) for record in caplog.records if record.levelno >= logging.INFO]
        assert len(lines) >= len(answers)
        for line in lines:
            assert len(line.splitlines()) == 1, line
            assert json.loads(line)["event"] != "forged"
        assert max(answers) < 500, (text, answers)


def test_a_crash_writes_one_line_however_its_error_is_worded(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        raise RuntimeError(f"x\r\n{FORGED}")

    monkeypatch.setattr("config.health._ask_database", crash)
    Client(raise_request_exception=False).get("/readyz")
    [line] = [text for record in caplog.records if "request_failed" in (text := line_of(record))]
    assert len(line.splitlines()) == 1
    assert json.loads(line)["event"] == "request_failed"


def test_no_answer_takes_over_a_header_or_an_address_with_a_line_break() -> None:
    staff = console(people.support())
    for text in ("\r\n", "\n", "%0d%0a"):
        for back in (f"/admin/{text}Set-Cookie: forged=1", f"/{text}/evil.example/", f"{text}//evil.example/"):
            answers = [
                staff.post("/admin/page_size/", {"page_size": "25", "next": back}, headers={"Referer": back}),
                staff.post("/admin/preferences/?next=" + back, {"time_zone": "UTC", "next": back}),
                Client().get("/admin/", {"next": back}),
                Client().post(
                    "/admin/login/?next=" + back,
                    {"username": "support", "password": people.PASSWORD, "next": back},
                    headers={"X-Request-ID": back},
                ),
            ]
            for answer in answers:
                assert answer.status_code in (200, 302, 400, 422), back
                assert "forged" not in answer.cookies
                assert "forged" not in answer.headers.get("X-Request-ID", "")
                address = answer.headers.get("Location", "/")
                assert address.isprintable()
                led_to = urlsplit(urljoin("https://testserver/admin/login/", address.replace("\\", "/")))
                assert led_to.netloc == "testserver", address


def test_the_subject_of_a_mail_is_a_fixed_text_and_its_values_are_no_template() -> None:
    hostile = 'x\r\nBcc: mallory@example.com\r\n\r\n{{ "evil"|upper }}{% now "Y" %}'
    templates = sorted(path.stem for path in (settings.BASE_DIR / "templates" / "mail").glob("*.txt"))
    assert templates
    user = User(username=hostile, email="alice@example.com")
    plain = User(username="alice", email="alice@example.com")
    for template in templates:
        names = ("name", "time", "address", "device", "one", "other", "about", "by", "date", "code", "minutes", "text")
        subject, body = compose(user, template, **dict.fromkeys(names, hostile))
        assert subject == compose(plain, template)[0]
        assert subject.isprintable()
        assert "EVIL" not in body
        assert '{{ "evil"|upper }}' in body


def test_a_mail_address_with_a_line_break_is_no_address(settings: Any) -> None:
    settings.LIMITS_SCALE = 1e6
    alice = api(people.alice())
    for text in BREAKS[:7]:
        for address in (f"a@example.com{text}Bcc: b@example.com", f"a{text}b@example.com", f"a@example{text}.com"):
            new = {"username": "nora", "email": address, "password": "a-long-enough-one", "role": "brand"}
            assert api().post("/users/auth/register", new).status_code == 422, ascii(address)
            changed = alice.patch("/users/profile", {"email": address, "password": people.PASSWORD})
            assert changed.status_code == 422, ascii(address)
            assert api().post("/users/auth/password_reset", {"email": address}).status_code == 200
