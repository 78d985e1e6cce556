"""A client app of the API: `api(alice).get("/events").json()`."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client

from apps.users.authentication.api_sessions import Tokens, begin
from apps.users.models import User
from tests.drawn import png, upload
from tests.people import PASSWORD

type Answer = Any

NEW = {"username": "nora", "email": "nora@example.com", "password": "a-long-enough-one", "role": "influencer"}
"""What signing up as Nora sends."""
ANOTHER = "another-long-one"


class Api:
    """Calls below `/api`, with an access token where it was made for a user."""

    def __init__(self, tokens: Tokens | None = None, **headers: str) -> None:
        self.tokens = tokens
        self.headers = headers
        if tokens is not None:
            self.headers["Authorization"] = f"Bearer {tokens.access}"
        # What a crash answers is under test, too.
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Answer:
        return self.client.get(f"/api{path}", query, headers=self.headers)

    def post(self, path: str, body: Any = None, **extra: Any) -> Answer:
        return self._send("POST", path, body, **extra)

    def put(self, path: str, body: Any = None) -> Answer:
        return self._send("PUT", path, body)

    def patch(self, path: str, body: Any = None) -> Answer:
        return self._send("PATCH", path, body)

    def delete(self, path: str, body: Any = None) -> Answer:
        return self._send("DELETE", path, body)

    def upload(self, path: str, **form: Any) -> Answer:
        """A form with files and text."""
        return self.client.post(f"/api{path}", form, headers=self.headers)

    def _send(self, method: str, path: str, body: Any, **extra: Any) -> HttpResponse:
        content = {} if body is None else {"data": body, "content_type": "application/json"}
        call = getattr(self.client, method.lower())
        return call(f"/api{path}", **content, headers=self.headers, **extra)


def api(user: User | None = None, /, **headers: str) -> Api:
    """A client signed in as `user`, or in as no one."""
    return Api(begin(user) if user else None, **headers)


def assert_problem(answer: Answer, status: int, slug: str) -> dict[str, Any]:
    """Check that the answer is a problem document of that status and type; returns the document."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"] == slug
    assert problem["title"]
    assert problem["detail"]
    return problem


def submit_document(client: Api, content: bytes | None = None, doc_type: str = "identity", **form: Any) -> Answer:
    return client.upload("/users/verify", file=upload(content or png()), doc_type=doc_type, **form)


def login(username: str = "alice", password: str = PASSWORD, **headers: str) -> Answer:
    return api(**headers).post("/users/auth/login", {"username": username, "password": password})


def refresh(token: str) -> Answer:
    return api().post("/users/auth/refresh", {"refresh": token})


def client_of(answer: Answer) -> Api:
    """A client with the access token that a login or refresh has answered."""
    return api(Authorization=f"Bearer {answer.json()['access']}")


def works(client: Api) -> bool:
    """Whether calls of the client are answered as a user's."""
    return bool(client.get("/users/profile").status_code == 200)


def ask_for_code(email: str) -> Answer:
    """Ask for a code to set a new password."""
    return api().post("/users/auth/password_reset", {"email": email})
