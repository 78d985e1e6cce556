"""Every list of the API, every table and desk of the console on a large platform: how long one page takes, the best of
some tries; with each filter, tab and order, and a page far down. Read off the schema and the pages: none is left out.
"""

from __future__ import annotations

import http.cookiejar
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from html import unescape
from typing import Any

AMOUNTS = {
    "users": 100_000,
    "events": 100_000,
    "stories": 100_000,
    "messages": 1_000_000,
    "documents": 100_000,
    "connections-per-user": 5,
    "notifications-per-user": 10,
    "reports": 100_000,
}
TRIES = 3
SEARCHES = ("user00012", "party", "12345", "zzzz")
STAFF = "bench-admin"
QUEUES_BESIDE = {"/admin/moderation/appeals/"}
BULKS = {"/admin/moderation/": "warned", "/admin/compliance/": "approve"}


class Browser:
    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.headers: dict[str, str] = {}

    def get(self, path: str) -> str:
        request = urllib.request.Request(self.origin + path, headers=self.headers)  # noqa: S310  # our own server
        with self.opener.open(request, timeout=60) as response:
            return str(response.read().decode())

    def post(self, path: str, content: bytes, media_type: str) -> str:
        headers = {"Content-Type": media_type, "Referer": self.origin + path}
        request = urllib.request.Request(self.origin + path, content, headers)  # noqa: S310
        with self.opener.open(request, timeout=60) as response:
            return str(response.read().decode())

    def time(self, path: str) -> float:
        """Milliseconds."""
        tries = []
        for _ in range(TRIES):
            began = time.perf_counter()
            self.get(path)
            tries.append((time.perf_counter() - began) * 1000)
        return round(min(tries), 1)


def measure(port: int, sample: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Milliseconds by address, for the API and for the console, the slowest first."""
    app = Browser(port)
    body = json.dumps({"username": sample["usernames"][0], "password": sample["password"]}).encode()
    token = json.loads(app.post("/api/users/auth/login", body, "application/json"))["access"]
    app.headers["Authorization"] = f"Bearer {token}"
    staff = Browser(port)
    page = staff.get("/admin/login/")
    form = {"username": STAFF, "password": sample["password"], "csrfmiddlewaretoken": _hidden(page)}
    staff.post("/admin/login/?next=/admin/", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded")
    return {
        "api": _slowest({path: app.time(path) for path in _lists(app, sample)}),
        "console": _slowest(
            {path: staff.time(path) for path in (*_tables(staff), *_desks(staff), *_people(sample), *_shell(sample))}
            | _bulk_previews(staff)
        ),
    }


def _lists(app: Browser, sample: dict[str, Any]) -> Iterator[str]:
    """Each list that the schema knows, with each value of what narrows it down, and a page in its middle."""
    rows = {"event_id": sample["events"][0], "story_id": sample["stories"][0]}
    for template, operations in json.loads(app.get("/api/openapi.json"))["paths"].items():
        parameters = operations.get("get", {}).get("parameters", [])
        if not any(parameter["name"] == "page" for parameter in parameters):
            continue
        path = template.format(**rows)
        for query in ("", *_narrowed(parameters, sample)):
            address = f"{path}?{query}"
            yield address
            yield f"{address}&page_size=100"
            count = json.loads(app.get(address)).get("count") or 0
            if count > 20:
                yield f"{address}&page={count // 20}"


def _narrowed(parameters: list[dict[str, Any]], sample: dict[str, Any]) -> Iterator[str]:
    for parameter in parameters:
        name, schema = parameter["name"], parameter["schema"]
        if name == "search":
            yield from (f"search={term}" for term in SEARCHES)
        if name == "room":
            yield f"room={sample['rooms'][0]}"
        for choice in (schema, *schema.get("anyOf", ())):
            values = ("true", "false") if choice.get("type") == "boolean" else choice.get("enum", ())
            if name != "page_size":
                yield from (f"{name}={value}" for value in values)


def _tables(staff: Browser) -> Iterator[str]:
    """Each table of the menu, with each link that it offers, searches, and a page far down."""
    menu = staff.get("/admin/")
    for table in sorted(set(re.findall(r'href="(/admin/[a-z]+/[a-z]+/)"', menu))):
        page = staff.get(table)
        yield table
        yield f"{table}?p=1000"
        yield from (f"{table}?q={term}" for term in SEARCHES)
        yield from (table + unescape(query) for query in sorted(set(re.findall(r'href="(\?[^"]+)"', page))))
        yield from (f"{table}?{name}=2026-01-01" for name in sorted(set(re.findall(r'name="(\w+_from)"', page))))


def _desks(staff: Browser) -> Iterator[str]:
    """Each desk of the menu and beside it, with each share of its queue, searches, and some items, decided or not."""
    menu = set(re.findall(r'href="(/admin/[a-z]+/)"', staff.get("/admin/")))
    for desk in sorted(menu | QUEUES_BESIDE):
        page = staff.get(desk)
        yield desk
        if f'href="{desk}next/"' not in page:
            continue
        yield f"{desk}next/"
        yield from (f"{desk}?q={term}" for term in SEARCHES)
        for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
            yield from (f"{desk}?{name}={value}" for value in re.findall(r'value="(\w+)"', options))
        for query in sorted(set(re.findall(r'href="(\?tab=[^"]+)"', page))):
            address = desk + unescape(query)
            yield address
            yield from sorted(set(re.findall(rf'href="({desk}[0-9]+/)"', staff.get(address))))[:2]


def _people(sample: dict[str, Any]) -> Iterator[str]:
    """What support looks up about one person."""
    yield from (f"/admin/support/{number}/" for number in sample["users"][:2])
    yield f"/admin/support/?q={sample['usernames'][1]}"


def _shell(sample: dict[str, Any]) -> Iterator[str]:
    """What stands on or opens over every page: counts of the menu and what the command palette finds; the audit log."""
    yield "/admin/live/"
    yield from (f"/admin/search/?s={term}" for term in (*SEARCHES, sample["usernames"][1]))
    yield "/admin/access/audit/"
    yield f"/admin/access/audit/?user={sample['usernames'][1]}"
    yield from (f"/admin/access/audit/?action={action}" for action in ("created", "changed", "viewed", "deleted"))


def _bulk_previews(staff: Browser) -> dict[str, float]:
    """What would become of fifty items at once."""
    times = {}
    for desk, action in BULKS.items():
        page = staff.get(desk)
        form = [("item", number) for number in re.findall(r'name="item" value="([0-9]+)"', page)]
        form += [("action", action), ("csrfmiddlewaretoken", _hidden(page))]
        began = time.perf_counter()
        staff.post(f"{desk}bulk/", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded")
        times[f"{desk}bulk/ ({len(form) - 2} items)"] = round((time.perf_counter() - began) * 1000, 1)
    return times


def _hidden(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found, "The sign-in page has no token."
    return found[1]


def _slowest(times: dict[str, float]) -> dict[str, float]:
    return dict(sorted(times.items(), key=lambda item: -item[1]))
