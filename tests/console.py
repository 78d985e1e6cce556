"""The console in a browser without a screen: `console(support).get("/admin/")`."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.test import Client

from apps.users.models import User


def console(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="apps.users.backends.Accounts")
    return client


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fields: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("input", "select", "textarea", "button") and given.get("name"):
            self.fields.append(given["name"])


def _read(response: Any) -> _Page:
    page = _Page()
    page.feed(response.content.decode())
    return page


def links(response: Any) -> list[str]:
    """Where the page leads."""
    return _read(response).links


def fields(response: Any) -> list[str]:
    """The names of what one can fill in or press on the page."""
    return _read(response).fields
