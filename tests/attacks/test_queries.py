"""Signs that mean something to SQL, patterns and formats, in all that is searched, filtered and ordered by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.admin import site
from django.test import Client
from django.urls import reverse

from api.main import api as application
from apps.users.models import User
from tests.client import Api, api
from tests.console import console
from tests.crawling import forms
from tests.factories import make_event
from tests.permissions import console_scene
from tests.undoing import undone

pytestmark = pytest.mark.django_db

HOSTILE = ["' OR 1=1 --", '") OR ("1"="1', "1; SELECT 1", "\\'", "%", "_", "%s", "%(id)s", "{0}", "$1", ".*", "\uff07"]
type Scene = tuple[Client, Api, User]
HARMLESS = "zq"
"""Found nowhere."""


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[Scene]:
    """Made once: the console of a superuser and the app of a user, over one of everything. Nothing is written."""
    with django_db_blocker.unblock(), undone():
        cast = console_scene.cast()
        console_scene.rows(cast)
        admin, alice = cast["admin"], cast["alice"]
        assert admin
        assert alice
        client = console(admin)
        client.get("/admin/")
        yield client, api(alice), alice


@pytest.fixture(autouse=True)
def _unlimited(settings: Any) -> None:
    settings.LIMITS_SCALE = 1e6


def parameters(place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The path and the schema of each parameter of a call that reads."""
    for path, calls in application._schema["paths"].items():
        for parameter in calls.get("get", {}).get("parameters", []):
            if parameter["in"] == place:
                yield path, parameter


def found(answer: Any) -> Any:
    return answer.json().get("results", answer.json()) if answer.status_code == 200 else answer.status_code


def test_queries_of_calls_find_what_harmless_text_does(scene: Scene) -> None:
    _client, app, _alice = scene
    searched = set()
    for template, parameter in parameters("query"):
        path, name = re.sub(r"\{\w+\}", "1", template.removeprefix("/api")), parameter["name"]
        if parameter["schema"].get("type") == "string" and "enum" not in parameter["schema"]:
            searched.add(name)
            expected = found(app.get(path, **{name: HARMLESS}))
            for text in HOSTILE:
                assert found(app.get(path, **{name: text})) == expected, (path, name, text)
        else:
            assert app.get(path, **{name: HOSTILE[0]}).status_code in (404, 422), (path, name)
    assert searched >= {"search"}


def test_parts_of_paths_name_nothing_but_what_is_there(scene: Scene) -> None:
    _client, app, _alice = scene
    for path, parameter in parameters("path"):
        for text in HOSTILE:
            address = path.removeprefix("/api").replace(f"{{{parameter['name']}}}", quote(text, safe=""))
            assert app.get(address).status_code in (404, 422), address


def test_patterns_are_searched_for_as_they_are_written(scene: Scene) -> None:
    client, app, alice = scene
    names = ["50% off_now", "50 percent offXnow", "a\\b", "a b", "it's"]
    with undone():
        for name in names:
            make_event(alice, name)
        for text, expected in (
            ("% off", [names[0]]),
            ("off_now", [names[0]]),
            ("a\\b", [names[2]]),
            ("it's", [names[4]]),
            ("50%off", []),
            ("a_b", []),
        ):
            assert [event["title"] for event in app.get("/events", search=text).json()["results"]] == expected, text
            shown = client.get(reverse("admin:events_event_changelist"), {"q": text}).context["cl"].result_list
            assert [event.title for event in shown] == expected, text


def test_tables_of_the_console_find_what_harmless_text_does(scene: Scene) -> None:
    client, _app, _alice = scene
    for model, table in site._registry.items():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        page = client.get(address)
        changes = page.context["cl"]
        if table.get_search_fields(page.wsgi_request):
            for text in (HOSTILE[0], "%"):
                assert client.get(address, {"q": text}).context["cl"].result_count == 0, (address, text)
        own = dict.fromkeys(("o", "p", "all", "before", "after", "day", "_facets"), HOSTILE[0])
        assert client.get(address, own).context["cl"].result_count == changes.result_count, address
        for spec in changes.filter_specs:
            answer = client.get(address, dict.fromkeys(spec.expected_parameters(), HOSTILE[0]))
            assert answer.status_code in (200, 302), (address, spec)
            if answer.status_code == 200:
                assert answer.context["cl"].result_count in (0, changes.result_count), (address, spec)


def test_searches_of_desks_take_any_text(scene: Scene) -> None:
    client, _app, _alice = scene
    asked = set()
    for name, route in console_scene.addresses().items():
        page = client.get(route) if name.startswith("desk_") and "<" not in route else None
        if page is None or page.status_code != 200 or "text/html" not in page["Content-Type"]:
            continue
        for method, action, fields in forms(route, page):
            form = (action.partition("#")[0], *fields)
            if method == "get" and form not in asked:
                asked.add(form)
                answer = client.get(form[0], dict.fromkeys(fields, "' OR 1=1 --%s{0}\\"))
                assert answer.status_code in (200, 302, 400, 404, 422), form
    assert len(asked) >= 4
