"""The console in a browser without a screen: `console(support).get("/admin/")`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.middleware.csrf import _get_new_csrf_string
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.utils import timezone

from admin_dashboards import errors, site
from admin_dashboards.context import StaffRequest
from admin_dashboards.sign_in.reauth import CONFIRMED
from apps.moderation.models import Case
from apps.users.authentication.session_store import SessionStore
from apps.users.models import Document, User

COMPLIANCE_DESK = "/admin/compliance/"
MODERATION_DESK = "/admin/moderation/"
DOCUMENTS = "/admin/users/document/"
EVENTS = "/admin/events/event/"

FORM = re.compile(r"<form\b(?P<tag>[^>]*)>(?P<body>.*?)</form>", re.DOTALL | re.IGNORECASE)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w{32,}"')


class Browser(Client):
    """Sends the token of its cookie along, as forms do, and is refused without it.

    No page that it gets may hold a form to be posted without its token: browsers could not send it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(enforce_csrf_checks=True, **options)
        self.cookies[settings.CSRF_COOKIE_NAME] = _get_new_csrf_string()

    def post(self, path: Any, data: Any = None, *args: Any, **extra: Any) -> Any:
        token = self.cookies[settings.CSRF_COOKIE_NAME].value
        if data is None or isinstance(data, Mapping):
            data = {"csrfmiddlewaretoken": token, **(data or {})}
        else:
            extra["headers"] = {"X-CSRFToken": token} | (extra.get("headers") or {})
        return super().post(path, data, *args, **extra)

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        if response.headers.get("Content-Type", "").startswith("text/html") and not response.streaming:
            for form in FORM.finditer(response.text):
                posts = 'method="post"' in form["tag"].lower()
                assert not posts or TOKEN.search(form["body"]), f"no token in {form['tag']}"
        return response


def console(user: User) -> Client:
    """Signed in as by the form, in one statement: Django's test client writes the session three times."""
    session = SessionStore()
    state = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "apps.users.backends.Accounts",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
        CONFIRMED: timezone.now().timestamp(),
    }
    session.update(state)
    session.create()
    client = Browser()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client


@contextmanager
def undrawn_errors() -> Iterator[None]:
    """Errors are their sentence: where most requests are refused, drawing the menu around each takes as long again as
    refusing it. `test_the_error_page_is_drawn_for_all_staff` draws it."""

    def sentence_alone(request: StaffRequest, status: int, sentence: str, **_: Any) -> HttpResponse:
        request.console.refusal = sentence
        return HttpResponse(sentence, status=status, content_type="text/plain")

    with pytest.MonkeyPatch.context() as patch:
        for module in (errors, site):
            patch.setattr(module, "error_page", sentence_alone)
        yield


_DRAWN = SimpleTemplateResponse.render


@contextmanager
def undrawn_pages() -> Iterator[None]:
    """Pages stay blank, errors too, where only what an address does is asked: drawing takes most of the time.

    What a page would have been drawn with is the answer's `context_data`. For the whole process: not within threads,
    the last of which would leave it blank.
    """
    assert SimpleTemplateResponse.render is _DRAWN

    def blank(response: SimpleTemplateResponse) -> SimpleTemplateResponse:
        response.content = b""
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimpleTemplateResponse, "render", blank)
        yield


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


def document_page(document: Document) -> str:
    return f"{DOCUMENTS}{document.pk}/change/"


def case_page(case: Case, page: str = "") -> str:
    return f"{MODERATION_DESK}{case.pk}/{page}"


def permissions_page(row: Any) -> str:
    return f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/permissions/"


def upload_import(client: Client, text: str | bytes, name: str = "events.csv") -> Any:
    """Upload a file of events to be imported; returns the answer, as a rule a redirect to its preview."""
    content = text if isinstance(text, bytes) else text.encode()
    return client.post(f"{EVENTS}import/", {"import_file": SimpleUploadedFile(name, content), "format": "0"})
