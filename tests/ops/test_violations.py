"""Browsers' reports of what the content security policy refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from structlog.testing import capture_logs

from config.violations import MANY, MOST, ONE

pytestmark = pytest.mark.django_db

OLD = {
    "document-uri": "https://desk.example/admin/users/user/?q=alice@mail.example",
    "violated-directive": "script-src-elem 'self'",
    "blocked-uri": "https://evil.example/steal/alice?token=secret",
    "script-sample": "alert(secret)",
    "line-number": 7,
}
NEW = {
    "documentURL": "https://desk.example/admin/users/user/7/change/",
    "effectiveDirective": "style-src-attr",
    "blockedURL": "inline",
    "sample": "color: secret",
}


def send(body: Any, form: str, client: Client | None = None) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (client or Client(enforce_csrf_checks=True)).post("/csp-reports", content, content_type=form)


def entry(body: Any, kind: str = "csp-violation") -> dict[str, Any]:
    return {"type": kind, "age": 1, "url": NEW["documentURL"], "user_agent": "x", "body": body}


def counted(directive: str) -> float:
    page = Client().get("/metrics").content.decode()
    line = f'infloo_csp_violations_total{{directive="{directive}"}} '
    return next((float(each.removeprefix(line)) for each in page.splitlines() if each.startswith(line)), 0.0)


def test_both_forms_are_logged_without_what_names_people() -> None:
    before = counted("script-src-elem"), counted("style-src-attr"), counted("other")
    with capture_logs() as lines:
        assert send({"csp-report": OLD}, ONE).status_code == 204
        many = [entry(NEW), entry({}, "deprecation"), entry(NEW | {"effectiveDirective": "x" * 5000})]
        assert send(many, MANY).status_code == 204
        assert send([entry(NEW)] * (MOST + 5), MANY).status_code == 204
    kept = [line for line in lines if line["event"] == "csp_violation"]
    assert len(kept) == 3 + MOST
    assert {name: kept[0][name] for name in ("directive", "blocked", "page", "line")} == {
        "directive": "script-src-elem",
        "blocked": "https://evil.example",
        "page": "admin/users/user/",
        "line": 7,
    }
    assert kept[1]["page"] == "admin/users/user/<path:object_id>/change/"
    assert kept[2]["directive"] == "other"
    assert not {"secret", "alice", "token"} & {word for word in ("secret", "alice", "token") if word in str(lines)}
    after = counted("script-src-elem"), counted("style-src-attr"), counted("other")
    assert [new - old for old, new in zip(before, after, strict=True)] == [1, 1 + MOST, 1]


@pytest.mark.parametrize(
    ("body", "form", "status"),
    [
        (b" ", ONE, 422),
        (b"\xff\x00", ONE, 422),
        (b"[" * 60_000, MANY, 422),
        ([], ONE, 422),
        ({}, MANY, 422),
        ({"csp-report": []}, ONE, 422),
        ({"csp-report": OLD | {"document-uri": 7}}, ONE, 422),
        ({"csp-report": OLD | {"blocked-uri": "https://[::"}}, ONE, 422),
        ({"csp-report": OLD | {"line-number": -1}}, ONE, 422),
        ([entry(None)], MANY, 422),
        ([7], MANY, 422),
        ({"csp-report": OLD}, "application/json", 415),
        (b"x" * (64 * 1024 + 1), ONE, 413),
        (b"x" * (3 * 1024 * 1024), ONE, 413),
    ],
)
def test_malformed_reports_are_refused(body: Any, form: str, status: int) -> None:
    with capture_logs() as lines:
        answer = send(body, form)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert not [line for line in lines if line["event"] == "csp_violation"]


def test_reports_are_limited_and_only_posted(settings: Any) -> None:
    assert Client().get("/csp-reports")["Allow"] == "POST"
    settings.LIMITS = settings.LIMITS | {"violations": (2, 60)}
    answers = [send({"csp-report": OLD}, ONE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    settings.LIMITS = settings.LIMITS | {"violations": (9, 60), "violations_of_all": (1, 60)}
    assert send({"csp-report": OLD}, ONE).status_code == 204
    assert send({"csp-report": OLD}, ONE).status_code == 429
