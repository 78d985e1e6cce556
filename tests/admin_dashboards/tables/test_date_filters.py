"""Tables are narrowed down to days, in the zone of the viewer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.review.models import Preference
from apps.stories.models import Story
from apps.users.models import User
from tests import people
from tests.console import console, links
from tests.factories import make_event, make_story

pytestmark = pytest.mark.django_db

STORIES = "/admin/stories/story/"


def story_of(author: User, time: datetime) -> Story:
    story = make_story(author)
    Story.objects.filter(pk=story.pk).update(created_at=time, expires_at=time + timedelta(days=1))
    return story


def shown(client: Client, address: str) -> list[int]:
    page = client.get(address)
    assert page.status_code == 200
    return sorted(row.pk for row in page.context["cl"].result_list)


def test_a_table_is_narrowed_down_to_days_of_ones_own_zone_both_included() -> None:
    alice, community = people.alice(), people.community()
    Preference.objects.update_or_create(staff=community, defaults={"time_zone": "Asia/Tokyo"})
    # In Tokyo it is nine hours later.
    times = [datetime(2026, 3, day, hour, 30, tzinfo=UTC) for day, hour in ((1, 14), (1, 15), (2, 14), (2, 15))]
    stories = [story_of(alice, time) for time in times]
    client = console(community)
    ids = [story.pk for story in stories]
    assert shown(client, f"{STORIES}?created_at_from=2026-03-02&created_at_to=2026-03-02") == ids[1:3]
    assert shown(client, f"{STORIES}?created_at_from=2026-03-02") == ids[1:]
    assert shown(client, f"{STORIES}?created_at_to=2026-03-01") == ids[:1]
    assert shown(client, f"{STORIES}?created_at_from=&created_at_to=") == ids


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("created_at_from=2026-02-30", "Enter a day such as 2026-01-31."),
        ("created_at_from=yesterday", "Enter a day such as 2026-01-31."),
        ("created_at_to=9999-12-31", "Enter a day between 1900 and 2999."),
        ("created_at_from=0001-01-01", "Enter a day between 1900 and 2999."),
        ("created_at_from=2026-03-02&created_at_to=2026-03-01", "The last day is before the first."),
        ("created_at_from=" + "9" * 3000, "Enter a day such as 2026-01-31."),
    ],
)
def test_days_that_cannot_be_read_are_named_and_nothing_else_is_lost(query: str, sentence: str) -> None:
    make_story(people.alice())
    client = console(people.community())
    page = client.get(f"{STORIES}?{query}&state=active&q=alice")
    assert page.status_code == 200
    text = page.content.decode()
    assert sentence in text
    assert query.split("&", maxsplit=1)[0].split("=")[1] in text
    assert list(page.context["cl"].result_list) == []
    assert 'name="state" value="active"' in text
    assert 'name="q" value="alice"' in text


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ("users/document", "created_at"),
        ("users/user", "date_joined"),
        ("users/profile", "user__date_joined"),
        ("stories/story", "created_at"),
        ("events/event", "date"),
        ("chat/message", "sent_at"),
        ("moderation/report", "created_at"),
        ("connections/connection", "created_at"),
        ("notifications/notification", "created_at"),
        ("users/staff", "last_login"),
        ("users/session", "last_seen_at"),
    ],
)
def test_every_table_with_times_takes_days(table: str, field: str) -> None:
    make_event(people.alice())
    page = console(people.admin()).get(f"/admin/{table}/?{field}_from=2020-01-01&{field}_to=2035-01-01")
    assert page.status_code == 200
    assert f'name="{field}_from"' in page.content.decode()
    assert page.context["cl"].has_active_filters


def test_days_go_together_with_saved_filters_and_export() -> None:
    alice = people.alice()
    new, old = make_story(alice), make_story(alice, hours_old=24 * 30)
    admin = console(people.admin())
    today = timezone.now().date().isoformat()
    query = f"created_at_from={today}"
    place = "admin:stories_story_changelist"
    saved = {"place": place, "name": "New", "query": query, "next": f"{STORIES}?{query}"}
    assert admin.post("/admin/filters/", saved).status_code == 302
    assert f"{STORIES}?{query}" in links(admin.get(STORIES))
    assert shown(admin, f"{STORIES}?{query}") == [new.pk]
    export = admin.post(f"{STORIES}export/?{query}", {"format": "0"}).content.decode()
    assert f'"{new.pk}"' in export
    assert f'"{old.pk}"' not in export
