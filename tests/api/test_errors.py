"""Whatever goes wrong below /api answers a problem document, and never 500."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncRequestFactory, Client
from django.test.client import FakePayload

from api.main import FORM
from api.main import api as application
from api.parser import require_small
from apps.errors import TooLarge
from tests.client import api, assert_problem
from tests.people import alice

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/", "/nowhere", "/users/", "/users/profile/alice/nothing", "/events/%00", "/%ff"])
def test_an_unknown_path_is_a_problem(path: str) -> None:
    assert_problem(api().get(path), 404, "not-found")


def test_a_wrong_method_names_the_right_ones() -> None:
    answer = api().get("/users/auth/login")
    assert_problem(answer, 405, "method-not-allowed")
    assert answer["Allow"] == "POST"
    assert {part.strip() for part in api().post("/users/profile")["Allow"].split(",")} == {
        "GET", "PUT", "PATCH", "DELETE",
    }  # fmt: skip


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
        b"[" * 60_000,
        b'{"username":' * 5000,
        b'{"username": ' + b"9" * 5000 + b"}",
    ],
)
def test_bodies_that_are_not_json_are_malformed(body: bytes) -> None:
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


def test_text_in_the_query_and_the_path_is_checked_too() -> None:
    client = api(alice())
    assert_problem(client.get("/users", search="a\x00"), 422, "invalid")
    assert_problem(client.get("/users/profile/a%00b"), 404, "not-found")
    assert client.get("/users", search="\N{PILE OF POO}%_\\'\"").status_code == 200


@pytest.mark.parametrize("size", [64 * 1024 + 1, 1_100_000, 3 * 1024 * 1024])
def test_a_body_over_the_limit_is_too_large_before_it_is_parsed(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.parser.json", None)
    body = '{"username": "alice", "password": "wrong"}'
    assert_problem(api().post("/users/auth/login", body + " " * (size - len(body))), 413, "too-large")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", FORM])
def test_a_call_that_takes_no_body_takes_no_large_one(content_type: str) -> None:
    client = api(alice())
    body = b" " * (64 * 1024 + 1)
    content_type += "; boundary=x" if content_type == FORM else ""
    for method, path in [
        ("POST", "/users/profile/bob/follow"),
        ("DELETE", "/users/profile/bob/block"),
        ("POST", "/notifications/read"),
        ("POST", "/chat/ticket"),
        ("DELETE", "/users/profile/image"),
        ("GET", "/users"),
    ]:
        answer = client.client.generic(method, f"/api{path}", body, content_type=content_type, headers=client.headers)
        assert_problem(answer, 413, "too-large")


def test_a_body_of_64_kib_is_taken() -> None:
    body = '{"username": "alice", "password": "wrong"}'
    answer = api().post("/users/auth/login", body + " " * (64 * 1024 - len(body)))
    assert_problem(answer, 401, "wrong-credentials")


def test_the_limit_counts_what_is_read_where_no_length_was_sent() -> None:
    body = FakePayload(b" " * (64 * 1024 + 1))
    request = AsyncRequestFactory().generic("POST", "/api/users/auth/login", b"", content_type="application/json")
    request._stream = body
    with pytest.raises(TooLarge):
        require_small(request)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/users/auth/login", {f"key{number}": 1 for number in range(2000)}, "body"),
        ("/users/auth/login", [1] * 5000, "body"),
        ("/users/auth/login", {"username": [1] * 5000}, "username"),
        ("/users/profile", {"social_links": {f"key{number}": 1 for number in range(2000)}}, "social_links"),
        ("/users/profile", {"social_links": {"a": {"b": [1] * 5000}}}, "social_links"),
    ],
)
def test_oversized_bodies_are_rejected_before_validation(
    path: str, body: Any, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []

    def note(text: str) -> bool:
        checked.append(text)
        return True

    monkeypatch.setattr("api.parser.is_storable", note)
    client = api(alice())
    answer = client.patch(path, body) if path == "/users/profile" else client.post(path, body)
    problem = assert_problem(answer, 422, "invalid")
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, "too-many")]
    assert len(checked) < 20


def test_objects_inside_one_another_are_refused() -> None:
    body = '{"username": ' + "[" * 900 + "]" * 900 + "}"
    problem = assert_problem(api().post("/users/auth/login", body), 422, "invalid")
    assert problem["errors"] == [
        {"field": "username", "code": "too-deep", "message": "Send fewer objects inside one another."}
    ]


def test_at_most_twenty_errors_are_listed_and_long_names_are_cut() -> None:
    body = {f"key{number}": 1 for number in range(98)} | {"x" * 60_000: 1}
    answer = api().post("/users/auth/login", body)
    assert len(assert_problem(answer, 422, "invalid")["errors"]) == 20
    answer = api().post("/users/auth/login", {"username": "alice", "password": "x", "x" * 60_000: 1})
    assert_problem(answer, 422, "invalid")
    assert len(answer.content) < 1000


def test_a_query_of_many_entries_is_refused() -> None:
    client = api(alice())
    problem = assert_problem(client.get("/users", **{f"key{number}": 1 for number in range(101)}), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["query"]
    assert_problem(client.get("/users", search=["a"] * 101), 422, "invalid")
    assert client.get("/users", **{f"key{number}": 1 for number in range(100)}).status_code == 200


def test_the_text_beside_a_file_is_limited() -> None:
    client = api(alice())
    picture = SimpleUploadedFile("a.png", b"no picture")
    for path, form in {
        "/users/profile/image": {"image": picture},
        "/users/verify": {"file": picture, "doc_type": "identity"},
        "/stories": {"content_file": picture},
    }.items():
        assert_problem(client.upload(path, **form, caption="x" * (64 * 1024 + 1)), 413, "too-large")
        picture.seek(0)
        many = {f"key{number}": "x" for number in range(101)}
        problem = assert_problem(client.upload(path, **form, **many), 422, "invalid")
        assert [error["code"] for error in problem["errors"]] == ["too-many"]
        picture.seek(0)


def test_the_user_is_checked_before_the_body() -> None:
    assert_problem(api().patch("/users/profile", "{broken"), 401, "unauthenticated")
    assert_problem(api().post("/users/verify", "{broken"), 401, "unauthenticated")


def test_crashes_reveal_no_detail(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def crash(*args: object, **kwargs: object) -> None:
        raise RuntimeError("secret")

    client = api(alice())
    monkeypatch.setattr("apps.users.accounts.directory.find_users", crash)
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


def test_console_cookies_do_not_sign_in_to_the_api() -> None:
    client = Client()
    client.force_login(alice(), backend="apps.users.backends.Accounts")
    assert_problem(client.get("/api/users/profile"), 401, "unauthenticated")


def test_the_schema_declares_what_every_call_may_answer() -> None:
    schema = application.get_openapi_schema()
    names = set()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert {401, 403, 413, 429, 503} <= set(operation["responses"]), (method, path)
            assert operation["operationId"] not in names
            names.add(operation["operationId"])
            if "{" in path:
                assert 404 in operation["responses"], (method, path)
            if "requestBody" in operation:
                assert {400, 422} <= set(operation["responses"]), (method, path)
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
