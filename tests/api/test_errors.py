"""Whatever goes wrong below /api answers a problem document, and never 500."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from api.main import api as application
from tests.client import api
from tests.people import alice

pytestmark = pytest.mark.django_db


def assert_problem(answer: Any, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == slug
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize("path", ["/", "/nowhere", "/users/", "/users/profile/alice/nothing", "/events/%00", "/%ff"])
def test_an_unknown_path_is_a_problem(path: str) -> None:
    assert_problem(api().get(path), 404, "not-found")


def test_a_wrong_method_names_the_right_ones() -> None:
    answer = api().get("/users/auth/login")
    assert_problem(answer, 405, "method-not-allowed")
    assert answer["Allow"] == "POST"
    assert {part.strip() for part in api().delete("/users/profile")["Allow"].split(",")} == {"GET", "PUT", "PATCH"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"username": NaN}',
        b'{"username": Infinity}',
        b"\xff\xfe",
        b'{"username": "\xff"}',
        b"[" * 100_000,
        b'{"username":' * 5000,
        b'{"username": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    answer = Client().post("/api/users/auth/login", body, content_type="application/json")
    if body:
        assert_problem(answer, 400, "malformed")
    else:
        assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize("body", ["[]", "null", "3", '"x"', "true", "[1, 2]"])
def test_json_that_is_no_object_is_invalid(body: str) -> None:
    assert_problem(api().post("/users/auth/login", body), 422, "invalid")


def test_each_wrong_field_is_named_by_its_bare_name() -> None:
    problem = assert_problem(api().post("/users/auth/login", {"username": 3, "extra": 1}), 422, "invalid")
    assert {error["field"] for error in problem["errors"]} == {"username", "password", "extra"}
    assert all(set(error) == {"field", "code", "message"} for error in problem["errors"])


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x\udfffy"])
def test_text_that_cannot_be_stored_is_invalid(text: str) -> None:
    problem = assert_problem(api().post("/users/auth/login", {"username": text, "password": "x"}), 422, "invalid")
    assert problem["errors"][0]["field"] == "username"
    nested = {"social_links": {"site": text}}
    problem = assert_problem(api(alice()).patch("/users/profile", nested), 422, "invalid")
    assert problem["errors"][0]["field"] == "social_links"


def test_text_in_the_query_and_the_path_is_judged_too() -> None:
    client = api(alice())
    assert_problem(client.get("/users", search="a\x00"), 422, "invalid")
    assert_problem(client.get("/users/profile/a%00b"), 404, "not-found")
    assert client.get("/users", search="\N{PILE OF POO}%_\\'\"").status_code == 200


def test_a_body_over_the_limit_is_too_large() -> None:
    body = '{"username": "' + "x" * 3 * 1024 * 1024 + '"}'
    assert_problem(api().post("/users/auth/login", body), 413, "too-large")


def test_the_person_is_judged_before_the_body() -> None:
    assert_problem(api().patch("/users/profile", "{broken"), 401, "unauthenticated")
    assert_problem(api().post("/users/verify", "{broken"), 401, "unauthenticated")


def test_a_crash_tells_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def crash(*args: object, **kwargs: object) -> None:
        raise RuntimeError("secret")

    client = api(alice())
    monkeypatch.setattr("apps.users.services.find_people", crash)
    answer = client.get("/users")
    assert_problem(answer, 500, "internal-error")
    assert b"secret" not in answer.content
    assert "GET api/users failed" in caplog.text


def test_a_broken_form_is_malformed() -> None:
    client = api(alice())
    answer = client.client.post(
        "/api/users/verify", b"no parts at all", content_type="multipart/form-data", headers=client.headers
    )
    assert_problem(answer, 400, "malformed")


def test_answers_are_not_kept_by_caches() -> None:
    assert api().get("/users")["Cache-Control"] == "no-store"


def test_a_cookie_of_the_console_signs_nobody_in() -> None:
    client = Client()
    client.force_login(alice(), backend="apps.users.backends.Accounts")
    assert_problem(client.get("/api/users/profile"), 401, "unauthenticated")


def test_the_schema_declares_what_every_call_may_answer() -> None:
    schema = application.get_openapi_schema()
    names = set()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert {401, 403, 429} <= set(operation["responses"]), (method, path)
            assert operation["operationId"] not in names
            names.add(operation["operationId"])
            if "{" in path:
                assert 404 in operation["responses"], (method, path)
            if "requestBody" in operation:
                assert {400, 413, 422} <= set(operation["responses"]), (method, path)
    assert "Problem" in schema["components"]["schemas"]
    assert list(schema["components"]["securitySchemes"]) == ["bearer"]


def test_every_security_scheme_that_is_named_is_declared() -> None:
    schema = api().get("/openapi.json").json()
    named = {
        name
        for path in schema["paths"].values()
        for operation in path.values()
        for needed in operation.get("security", [])
        for name in needed
    }
    assert named == set(schema["components"]["securitySchemes"])


def test_the_docs_load_nothing_from_outside() -> None:
    page = Client().get("/api/docs")
    assert page.status_code == 200
    assert b"http://" not in page.content
    assert b"https://" not in page.content
    assert Client().get("/api/openapi.json").json()["openapi"].startswith("3.")
    assert_problem(Client().post("/api/docs"), 405, "method-not-allowed")


def test_no_two_shapes_share_a_name() -> None:
    shapes: dict[str, Any] = {}
    for router in application._get_bound_routers():
        for view in router.path_operations.values():
            for operation in view.operations:
                for model in [*operation.models, *operation.response_models.values()]:
                    if model is None:
                        continue
                    for name, shape in model.model_json_schema().get("$defs", {}).items():
                        assert shapes.setdefault(name, shape) == shape, f"{name} of {operation.path}"
