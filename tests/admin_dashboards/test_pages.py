"""What all pages of the console share: forms, columns, times and the header."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from admin_dashboards.moderation.reports import OUTCOME_LABELS
from admin_dashboards.states import story_state
from apps.users.models import User
from tests import people
from tests.console import console
from tests.factories import make_event, make_notification, make_story

pytestmark = pytest.mark.django_db


def test_forms_ask_before_they_are_left_unsaved() -> None:
    event = make_event(people.alice())
    page = console(people.community()).get(f"/admin/events/event/{event.pk}/change/").content.decode()
    assert "warn-unsaved-form" in page


def test_an_outcome_has_one_colour_in_reports_and_stories() -> None:
    alice = people.alice()
    removed = make_story(alice, removed_at=timezone.now())
    icon, tone = OUTCOME_LABELS["removed"]
    assert (icon, tone) == ("visibility_off", "bad")
    assert icon in story_state(removed)


def test_times_are_short_and_whole_when_pointed_at() -> None:
    now = timezone.now()
    make_notification(people.alice())
    page = console(people.support()).get("/admin/notifications/notification/").content.decode()
    assert f">{now.day} {now:%b} " in page
    assert f'title="{now.day} {now:%b %Y}, ' in page


def test_the_header_says_which_installation_it_is(settings: Any) -> None:
    client: Client = console(people.support())
    for name, colour in (("Demo", "info"), ("Production", "danger")):
        settings.ENVIRONMENT = (name, colour)
        assert name in client.get("/admin/preferences/").content.decode()


def test_each_value_of_a_row_has_its_heading_beside_it() -> None:
    User.objects.filter(pk=people.alice().pk).update(username="alice")
    page = console(people.compliance()).get("/admin/users/user/").content.decode()
    for heading in ("User name", "Role", "Verified", "Account", "Email address", "Joined"):
        assert f'data-label="{heading}"' in page
