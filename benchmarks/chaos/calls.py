"""One client's calls, and what became of each: its status, how long it took, and whether an error said what to do."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

PATIENCE = 20.0
"""Seconds that a client waits for an answer: twice what any may take."""
NOTHING, NO_ANSWER = "no connection", "no answer"
PROBLEM = "application/problem+json"
TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="(\w+)"')


@dataclass(frozen=True)
class Answer:
    status: str
    """The HTTP status, or what there was in its place."""
    body: bytes = b""
    kind: str = ""
    location: str = ""

    @property
    def is_success(self) -> bool:
        return self.status[:1] in ("2", "3")

    @property
    def is_clear(self) -> bool:
        """Whether its reader learns what is the matter. Where no process listens, the proxy in front says it."""
        if self.is_success or self.status == NOTHING:
            return True
        if self.status == NO_ANSWER or self.status == "500":
            return False
        return bool(json.loads(self.body).get("detail")) if self.kind == PROBLEM else b"<h1" in self.body

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Seen:
    """What callers saw, from a moment on."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    failures: Counter[str] = field(default_factory=Counter)
    unclear: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    longest_of: str = ""
    calls: int = 0
    is_counting: bool = False
    mended_at: float | None = None
    first_success: dict[str, float] = field(default_factory=dict)
    """By kind of call: the moment of the first answer to one that was sent after the mending."""

    def note(self, kind: str, status: str, began: float, *, is_success: bool, is_clear: bool, what: str = "") -> None:
        now = time.monotonic()
        with self.turn:
            if self.mended_at is not None and is_success and began >= self.mended_at:
                self.first_success.setdefault(kind, now)
            if not self.is_counting:
                return
            self.calls += 1
            if now - began > self.longest:
                self.longest, self.longest_of = now - began, f"{kind}: {status}"
            if not is_success:
                self.failures[status] += 1
            if not is_clear:
                self.unclear[f"{kind}: {status} {what}".strip()] += 1


class Caller:
    """Calls over one connection, which is opened anew where it broke; keeps cookies as a browser does."""

    def __init__(self, port: int, seen: Seen) -> None:
        self.port, self.seen = port, seen
        self.cookies: dict[str, str] = {}
        self.token = ""
        self._link: http.client.HTTPConnection | None = None

    def call(
        self, kind: str, method: str, path: str, body: object = None, *, form: dict[str, str] | None = None,
        file: tuple[str, bytes, dict[str, str]] | None = None, expected: tuple[str, ...] = (),
    ) -> Answer:  # fmt: skip
        """`expected` are statuses that are right here though they are errors."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        content: bytes | None = None
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        elif form is not None:
            content, headers["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        elif file is not None:
            content, headers["Content-Type"] = multipart(*file)
        began = time.monotonic()
        answer = self._answer(method, path, content, headers)
        is_right = answer.is_success or answer.status in expected
        self.seen.note(
            kind, answer.status, began, is_success=is_right, is_clear=is_right or answer.is_clear,
            what=answer.body[:80].decode(errors="replace"),
        )  # fmt: skip
        return answer

    def _answer(self, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> Answer:
        kept = self._link is not None
        link, self._link = self._link or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE), None
        try:
            link.request(method, path, content, headers)
            response = link.getresponse()
            text = response.read()
        except TimeoutError:
            link.close()
            return Answer(NO_ANSWER)
        except (OSError, http.client.HTTPException):
            link.close()
            # A kept connection may have ended meanwhile: what is safe to repeat is, as browsers and proxies do.
            return self._answer(method, path, content, headers) if kept and method == "GET" else Answer(NOTHING)
        if not response.will_close:
            self._link = link
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, rest = cookie.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        kind = response.headers.get_content_type()
        return Answer(str(response.status), text, kind, response.headers.get("Location", ""))

    def sign_in(self, username: str, password: str) -> None:
        """Raises `SystemExit` where that fails: there would be no load."""
        answer = self.call("login", "POST", "/api/users/auth/login", {"username": username, "password": password})
        if answer.status != "200":
            raise SystemExit(f"{username} cannot sign in: {answer.status} {answer.body[:200]!r}")
        self.token = answer.json()["access"]

    def open_console(self, username: str, password: str) -> None:
        page = self.call("console", "GET", "/admin/login/")
        form = {"username": username, "password": password, "csrfmiddlewaretoken": token_in(page)}
        answer = self.call("console", "POST", "/admin/login/", form=form)
        if answer.status != "302":
            raise SystemExit(f"{username} cannot sign in at the console: {answer.status}")


def token_in(page: Answer) -> str:
    found = TOKEN.search(page.body)
    return found[1].decode() if found else ""


def multipart(field: str, content: bytes, values: dict[str, str]) -> tuple[bytes, str]:
    edge = "chaos-part"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in values.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="a.png"\r\n'
    parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"
