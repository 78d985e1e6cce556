"""Markup and template text in all that strangers and staff write: shown as it was written, on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import DatabaseError, models, transaction
from django.test import Client

from api.main import api as application
from apps.users.models import Profile, User
from tests.console import console
from tests.permissions import console_scene
from tests.permissions.console_table import TABLE
from tests.undoing import undone

pytestmark = pytest.mark.django_db

type Scene = tuple[Client, dict[str, int], set[str]]
MARKUP = "<i z>{{'e'|upper}}"
OTHERWISE = {"username", "email", "password", "media_type"}
"""One for each account, no text, or found out by us."""
ESCAPED = "&lt;i z&gt;"
WRITTEN_BY_STAFF = {"note", "reason", "removal_reason", "undo_reason", "comment", "text", "ruling", "title", "name"}


def written_by_users() -> set[str]:
    """The names of the texts that calls take."""
    schemas = application._schema["components"]["schemas"].values()
    fields = [field for schema in schemas for field in schema.get("properties", {}).items()]
    return {name for name, field in fields if field.get("type") in ("string", "object") and "enum" not in field}


def mark(group: int) -> set[str]:
    """Put the markup into each such column, as far as the database takes it; returns which these are."""
    marked = set()
    names = written_by_users() | WRITTEN_BY_STAFF | {"user_agent"}
    for model in apps.get_models():
        for field in model._meta.local_fields:
            is_text = isinstance(field, models.CharField | models.TextField) and not field.choices
            is_long = field.max_length is None or field.max_length >= len(MARKUP)
            if not (model.__module__.startswith("apps.") and is_text and is_long and field.name in names - OTHERWISE):
                continue
            try:
                with transaction.atomic():
                    if model._base_manager.update(**{field.name: MARKUP}):
                        marked.add(f"{model.__name__}.{field.name}")
            except DatabaseError:
                continue  # it can hold no such text
    Profile.objects.update(social_links={MARKUP: f"https://example.com/{MARKUP}"})
    Group.objects.filter(pk=group).update(name=MARKUP)
    # No account can be called so; what shows names shows them as text all the same. The viewer's stands on every page.
    for person in User.objects.exclude(is_superuser=True):
        User.objects.filter(pk=person.pk).update(username=f"{MARKUP}{person.pk}")
    return marked


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[Scene]:
    """Made once: the console of a superuser, and one of everything, all texts of which are markup."""
    with django_db_blocker.unblock(), undone():
        cast = console_scene.cast()
        keys = console_scene.rows(cast)
        keys["desk_compliance"] = keys["users_document"]
        admin = cast["admin"]
        assert admin
        client = console(admin)
        client.get("/admin/")
        yield client, keys, mark(keys["auth_group"])


def test_no_page_of_the_console_takes_text_for_markup_or_a_template(scene: Scene) -> None:
    client, keys, marked = scene
    assert marked >= {
        "Profile.bio",
        "Event.title",
        "Story.caption",
        "Message.text",
        "Report.note",
        "Session.user_agent",
    }
    routes, shown = console_scene.addresses(), set()
    for name, (readers, _posters) in TABLE.items():
        if "admin" not in readers or not re.search("^desk_|^index$|^notices$|_changelist$|_change$", name):
            continue
        key = next((row for model, row in keys.items() if name.startswith(f"{model}_")), 1)
        with undone():
            page = client.get(re.sub(r"<[^>]*>", str(key), routes[name]))
        if page.status_code == 200 and "text/html" in page["Content-Type"]:
            assert "<i z>" not in page.text, name
            assert f"{ESCAPED}E" not in page.text, name
            if ESCAPED in page.text:
                shown.add(name)
    assert shown >= {f"{model}_{page}" for model in keys for page in ("changelist", "change") if "desk" not in model}
    assert shown >= {"desk_compliance_item", "desk_moderation_item", "desk_moderation_appeals_item"}
