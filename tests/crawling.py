"""Going everywhere in the console that a link, a form or an address leads, and seeing what it left behind."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.users.models import User
from tests.console import links

TRACES = {"audit_entry", "audit_use", "users_session", "django_session", "users_historicalsession"}
"""What looking may write: who looked, and that a session lives."""
ONE_S_OWN = {
    "audit_use": "user_id",
    "users_session": "user_id",
    "users_historicalsession": "user_id",
    "users_user": "id",
    "users_historicaluser": "id",
    "users_authenticator": "user_id",
    "desk_preference": "staff_id",
    "desk_savedfilter": "owner_id",
    "desk_messagetemplate": "owner_id",
    "desk_notice": "staff_id",
    "desk_reveal": "staff_id",
}
"""Tables of which the rows of one person are theirs to change, with the column that says whose they are."""


def everything(but_of: User | None = None, *, others_sessions: Collection[str] = ()) -> dict[str, str]:
    """The whole database but for the traces of looking, and for what is `but_of`'s own: a sum for each table.

    With `but_of`, the sessions of all others count as well: their logins, and these keys of browsers' sessions.
    """
    names = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    names -= {"audit_entry"} if but_of else TRACES
    with connection.cursor() as cursor:
        found = {}
        for name in sorted(names & set(connection.introspection.table_names())):
            condition: str = ""
            values: list[Any] = []
            if but_of and name == "django_session":
                condition, values = "WHERE session_key = ANY(%s)", [list(others_sessions)]
            elif but_of and name in ONE_S_OWN:
                condition, values = f"WHERE {ONE_S_OWN[name]} <> %s", [but_of.pk]
            cursor.execute(
                f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{name}" t {condition}',  # noqa: S608
                values,
            )
            found[name] = cursor.fetchone()[0]
        return found


def crawl(client: Client, start: str = "/admin/", most: int = 120) -> Iterator[tuple[str, Any]]:
    """Follow every link of the console by GET, from page to page."""
    seen, ahead = {start}, [start]
    while ahead and len(seen) <= most:
        address = ahead.pop(0)
        response = client.get(address)
        yield address, response
        if "text/html" not in response.headers.get("Content-Type", ""):
            continue
        for link in links(response):
            target = urlsplit(urljoin(address, link))
            path = f"{target.path}?{target.query}" if target.query else target.path
            if target.path.startswith("/admin/") and target.netloc in ("", "testserver") and path not in seen:
                seen.add(path)
                ahead.append(path)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.found.append(((given.get("method") or "get").lower(), given.get("action") or "", {}))
        elif tag in ("input", "select", "textarea", "button") and given.get("name") and self.found:
            self.found[-1][2][given["name"] or ""] = given.get("value") or "1"


def forms(address: str, response: Any) -> list[tuple[str, str, dict[str, str]]]:
    """The page's forms: method, where it goes, and what it would send with every field filled in."""
    page = _Forms()
    page.feed(response.content.decode())
    return [(method, urljoin(address, action), filled) for method, action, filled in page.found]


def addresses(values: dict[str, int]) -> set[str]:
    """Every address that the site answers at, made of the row in `values` whose table it names, or else of a user."""

    def walk(patterns: Any, prefix: str = "/") -> Iterator[str]:
        for entry in patterns:
            route = prefix + str(entry.pattern).lstrip("^")
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, route)
            elif isinstance(entry, URLPattern):
                yield route.rstrip("$")

    found = set()
    for route in walk(get_resolver().url_patterns):
        table = "_".join(route.strip("/").split("/")[1:3])
        value = values.get(table, values["users_user"])
        found.add(re.sub(r"<[^>]*>|\(\[\^/\]\+\)", str(value), route))
    return found
