"""What surrounds every page of the console: the palette, the counts in the menu, the session, the dashboard."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from admin_dashboards import live
from apps.moderation.reporting import report as file_report
from apps.review.models import Preference
from apps.stories.models import Story
from apps.users.models import Document, Session, User
from tests import people
from tests.clock import Clock
from tests.console import console, links
from tests.factories import make_document, make_event, make_notification, make_report, make_story

pytestmark = pytest.mark.django_db

LIVE = "/admin/live/"
POLL = {"X-Poll": "1", "Accept": "application/json"}


# --- The palette ------------------------------------------------------------------------------------------------------


def search(client: Client, term: str) -> Any:
    return client.get("/admin/search/", {"s": term}, headers={"X-Part": "1"})


def test_the_palette_finds_people_and_items_by_name_as_far_as_one_may_open_them() -> None:
    alice, bob = people.alice(), people.bob()
    document, story, event = make_document(alice), make_story(alice), make_event(alice)
    report = make_report(bob, "story", story, alice)
    pages = {
        "document": f"/admin/compliance/{document.pk}/",
        "user": f"/admin/users/user/{alice.pk}/change/",
        "story": f"/admin/stories/story/{story.pk}/change/",
        "event": f"/admin/events/event/{event.pk}/change/",
        "report": f"/admin/moderation/report/{report.pk}/change/",
        "person": f"/admin/support/{alice.pk}/",
        "find": "/admin/support/?q=alice",
    }
    expected = {
        "compliance": {"document", "user"},
        "community": {"story", "event", "report"},
        "access": set(),
        "support": {"person", "find"},
        "admin": {"document", "user", "story", "event", "report", "find"},
    }
    for who, theirs in expected.items():
        client = console(getattr(people, who)())
        found = links(search(client, "alice"))
        assert set(found) == {pages[name] for name in theirs}, who
        for address in found:
            assert client.get(address).status_code in (200, 302), (who, address)


def test_the_palette_finds_an_item_by_its_number_first() -> None:
    alice = people.alice()
    documents = [make_document(alice, status="rejected", decided_at=timezone.now()) for _ in range(3)]
    client = console(people.compliance())
    for written in (f"{documents[0].pk}", f"#{documents[0].pk}", f"document {documents[0].pk}"):
        assert f"/admin/compliance/{documents[0].pk}/" in links(search(client, written)), written


def test_the_palette_finds_cases_and_events_by_title() -> None:
    alice, bob = people.alice(), people.bob()
    event = make_event(alice, "Launch Party")
    report = file_report(bob, kind="event", target_id=event.pk, reason="spam", note="")
    client = console(people.community())
    assert f"/admin/moderation/{report.case_id}/" in links(search(client, "alice"))
    assert f"/admin/events/event/{event.pk}/change/" in links(search(client, "launch"))


def test_the_palette_finds_staff_and_groups_for_the_access_manager_alone() -> None:
    officer = people.compliance()
    found = links(search(console(people.access()), "compliance"))
    assert f"/admin/users/staff/{officer.pk}/change/" in found
    assert any(link.startswith("/admin/auth/group/") for link in found)
    assert not [link for link in links(search(console(people.support()), "compliance")) if "staff" in link]


@pytest.mark.parametrize(
    ("who", "term", "address"),
    [
        ("compliance", "next", "/admin/compliance/next/"),
        ("compliance", "verif", "/admin/compliance/"),
        ("community", "next case", "/admin/moderation/next/"),
        ("community", "appeals", "/admin/moderation/appeals/"),
        ("community", "reports", "/admin/moderation/report/"),
        ("access", "explain", "/admin/access/explain/"),
        ("access", "add staff", "/admin/users/staff/add/"),
        ("support", "preferences", "/admin/preferences/"),
        ("support", "second factor", "/admin/mfa/"),
        ("admin", "rules", "/admin/compliance/settings/"),
    ],
)
def test_the_palette_leads_to_pages_and_actions(who: str, term: str, address: str) -> None:
    client = console(getattr(people, who)())
    assert address in links(search(client, term))
    assert client.get(address).status_code in (200, 302)
    assert address not in links(search(console(people.make_staff("nora")), term)) or address in (
        "/admin/preferences/",
        "/admin/mfa/",
    )


def test_the_palette_offers_only_what_opens() -> None:
    for who in ("compliance", "community", "access", "support"):
        client = console(getattr(people, who)())
        for term in ("a", "de", "us", "next", "add", "re", "m"):
            for address in links(search(client, term)):
                assert client.get(address).status_code in (200, 302), (who, term, address)


def test_the_palette_never_searches_what_is_masked() -> None:
    alice = people.make_user("alice", phone="+49301234567")
    make_document(alice)
    for who in ("compliance", "community", "access", "admin"):
        client = console(getattr(people, who)())
        for term in (alice.email, alice.email.split("@")[1], "+49301234567", "49301234567"):
            found = [link for link in links(search(client, term)) if not link.startswith("/admin/support/?q=")]
            assert found == [], (who, term)


@pytest.mark.parametrize(
    "term",
    ["", " ", "%", "_", "\\", "'", "ａｌｉｃｅ", "x" * 5000, "#" * 50, "9" * 40, "\ud7ff", "🙂", "../", "\u202ealice"],
)
def test_the_palette_takes_anything_that_is_typed(term: str) -> None:
    people.alice()
    assert search(console(people.admin()), term).status_code == 200


def test_the_palette_refuses_a_null_character() -> None:
    assert console(people.admin()).get("/admin/search/?s=a%00b").status_code == 400


def test_the_palette_is_bounded() -> None:
    alice = people.alice()
    for _ in range(12):
        make_document(alice, status="rejected", decided_at=timezone.now())
        make_story(alice)
    found = links(search(console(people.admin()), "alice"))
    assert len([link for link in found if link.startswith("/admin/compliance/")]) == 5
    assert len([link for link in found if link.startswith("/admin/stories/")]) == 5


def test_too_many_searches_are_refused_for_a_while() -> None:
    client = console(people.support())
    most, _seconds = settings.LIMITS["console_search"]
    statuses = [search(client, "al").status_code for _ in range(most + 1)]
    assert statuses[-2:] == [200, 429]


def test_a_search_when_signed_out_says_so_to_the_script() -> None:
    assert search(Client(), "alice").status_code == 401


@pytest.mark.parametrize(
    ("who", "term", "count"),
    [
        ("compliance", "alice", 11),
        ("community", "alice", 16),
        ("access", "alice", 10),
        ("support", "alice", 9),
        ("admin", "alice", 18),
        ("admin", "12", 14),
        ("admin", "overview", 6),
    ],
)
def test_a_search_costs_so_many_queries_however_much_there_is(
    django_assert_num_queries: Any, who: str, term: str, count: int
) -> None:
    bob = people.bob()
    for number in range(6):
        user = people.make_user(f"alice{number}")
        make_document(user)
        make_report(bob, "story", make_story(user), user)
    client = console(getattr(people, who)())
    search(client, term)
    with django_assert_num_queries(count):
        search(client, term)


# --- Counts -----------------------------------------------------------------------------------------------------------


def counts(client: Client) -> Any:
    answer = client.get(LIVE, headers=POLL)
    assert answer.status_code == 200
    return answer.json()


def overdue(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(created_at=timezone.now() - timedelta(days=40))


def test_the_menu_counts_open_and_overdue_items_in_words() -> None:
    documents = [make_document(people.make_user(f"user{number}")) for number in range(3)]
    overdue(documents[0])
    client = console(people.compliance())
    page = client.get("/admin/preferences/").content.decode()
    assert "3 open, 1 overdue" in page
    assert counts(client)["desks"] == {"compliance": {"open": "3", "overdue": "1", "label": "3 open, 1 overdue"}}
    assert counts(client)["notices"] == 0


def test_appeals_are_named_with_the_cases() -> None:
    client = console(people.community())
    assert counts(client)["desks"]["moderation"]["label"] == "0 open; Appeals: 0 open"
    assert set(counts(console(people.admin()))["desks"]) == {"compliance", "moderation"}


def test_staff_without_a_queue_get_no_counts() -> None:
    make_document(people.alice())
    for who in (people.support(), people.access(), people.make_staff("nora")):
        client = console(who)
        assert counts(client)["desks"] == {}
        assert "data-counts" not in client.get("/admin/").content.decode()


def test_the_counts_are_of_the_rows_that_one_may_decide() -> None:
    make_document(people.make_user("brandon", role="brand"))
    make_document(people.make_user("ivy"))
    from django.contrib.auth.models import Permission

    brandy = people.make_staff("brandy")
    brandy.user_permissions.set(Permission.objects.filter(codename="review_brand_document"))
    assert counts(console(brandy))["desks"]["compliance"]["open"] == "1"


def test_counting_stops_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 2)
    for number in range(4):
        overdue(make_document(people.make_user(f"user{number}")))
    assert counts(console(people.compliance()))["desks"]["compliance"] == {
        "open": "2+",
        "overdue": "2+",
        "label": "more than 2 open, more than 2 overdue",
    }


def test_a_poll_costs_six_queries(django_assert_num_queries: Any) -> None:
    client = console(people.admin())
    counts(client)
    with django_assert_num_queries(6):  # session, user, console session, goals, counts, notices
        counts(client)


def test_a_poll_is_refused_when_signed_out_and_takes_no_posts() -> None:
    assert Client().get(LIVE, headers=POLL).status_code == 401
    assert console(people.support()).post(LIVE).status_code == 403


@pytest.mark.parametrize(
    ("address", "current"),
    [
        ("/admin/moderation/", ["/admin/moderation/"]),
        ("/admin/moderation/appeals/", ["/admin/moderation/"]),
        ("/admin/moderation/settings/", ["/admin/moderation/"]),
        ("/admin/moderation/report/", ["/admin/moderation/report/"]),
        ("/admin/users/document/", ["/admin/users/document/"]),
        ("/admin/", []),
    ],
)
def test_the_menu_marks_one_entry_as_current(address: str, current: list[str]) -> None:
    page = console(people.admin()).get(address)
    items = [item for group in page.context["sidebar_navigation"] for item in group["items"]]
    assert [str(item["link"]) for item in items if item["active"]] == current


# --- The session ------------------------------------------------------------------------------------------------------


def ends_in(client: Client) -> int:
    return int(counts(client)["session"]["ends_in"])


def test_polls_do_not_keep_a_session_alive(clock: Clock) -> None:
    client = console(people.support())
    client.get("/admin/")
    for _ in range(6):
        clock.shift(timedelta(minutes=10) - timedelta(seconds=1))
        answer = client.get(LIVE, headers=POLL)
    assert answer.json()["session"]["ends_in"] == 6
    clock.shift(timedelta(seconds=7))
    assert client.get(LIVE, headers=POLL).status_code == 401


def test_staying_signed_in_renews_the_session(clock: Clock) -> None:
    client = console(people.support())
    client.get("/admin/")
    clock.shift(timedelta(minutes=59))
    assert ends_in(client) == 60
    answer = client.post("/admin/stay/", headers={"X-Part": "1"})
    assert answer.json()["session"]["ends_in"] == 3600
    assert ends_in(client) == 3600
    assert client.post("/admin/stay/", {"next": "/admin/support/"})["Location"] == "/admin/support/"
    assert client.post("/admin/stay/", {"next": "https://evil.example/"})["Location"] == "/admin/"


def test_staying_needs_the_token_of_the_form() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.support(), backend="apps.users.backends.Accounts")
    client.get("/admin/")
    assert client.post("/admin/stay/", headers={"X-Part": "1"}).status_code == 403


def test_sessions_cannot_be_renewed_after_twelve_hours(clock: Clock) -> None:
    client = console(people.support())
    client.get("/admin/")
    for _ in range(23):
        clock.shift(timedelta(minutes=30))
        client.get("/admin/")
    clock.shift(timedelta(minutes=29))
    answer = client.post("/admin/stay/", headers={"X-Part": "1"}).json()
    assert answer["session"] == {"ends_in": 60, "warn_at": 120, "renewable": False}


def test_every_page_knows_when_its_session_ends(clock: Clock) -> None:
    client = console(people.support())
    client.get("/admin/")
    clock.shift(timedelta(minutes=30))
    page = client.get("/admin/preferences/").content.decode()
    [told] = re.findall(r'data-ends-in="(\d+)"', page)
    assert 3500 <= int(told) <= 3600
    assert Session.objects.get(user__username="support").expires_at == timezone.now() + timedelta(hours=1)


# --- The dashboard ----------------------------------------------------------------------------------------------------


def test_staff_with_several_desks_see_all_queues() -> None:
    overdue(make_document(people.alice()))
    for who in (people.admin(), people.make_staff("lead", "Compliance Officer", "Community Manager")):
        page = console(who).get("/admin/").content.decode().replace("\xa0", " ")
        assert "1 item is overdue, the oldest waits 1 month" in page
        assert page.count("Received and decided, 14 days") == 3


def test_staff_with_one_desk_see_no_dashboard() -> None:
    overdue(make_document(people.alice()))
    for who in ("compliance", "community", "access", "support"):
        page = console(getattr(people, who)()).get("/admin/").content.decode()
        assert 'class="dashboard' not in page, who


def test_a_dashboard_with_nothing_in_it_says_so() -> None:
    page = console(people.admin()).get("/admin/").content.decode()
    assert "All queues are within their SLA." in page
    assert "No decisions in the last 14 days." in page


def test_the_dashboard_costs_so_many_queries(django_assert_num_queries: Any) -> None:
    for number in range(4):
        make_document(people.make_user(f"user{number}"))
    client = console(people.admin())
    client.get("/admin/")
    with django_assert_num_queries(30):  # four and the goal for each of three queues; a count for each table
        client.get("/admin/")


# --- Days -------------------------------------------------------------------------------------------------------------

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
    ("query", "told"),
    [
        ("created_at_from=2026-02-30", "Enter a day such as 2026-01-31."),
        ("created_at_from=yesterday", "Enter a day such as 2026-01-31."),
        ("created_at_to=9999-12-31", "Enter a day between 1900 and 2999."),
        ("created_at_from=0001-01-01", "Enter a day between 1900 and 2999."),
        ("created_at_from=2026-03-02&created_at_to=2026-03-01", "The last day is before the first."),
        ("created_at_from=" + "9" * 3000, "Enter a day such as 2026-01-31."),
    ],
)
def test_days_that_cannot_be_read_are_named_and_nothing_else_is_lost(query: str, told: str) -> None:
    make_story(people.alice())
    client = console(people.community())
    page = client.get(f"{STORIES}?{query}&state=active&q=alice")
    assert page.status_code == 200
    text = page.content.decode()
    assert told in text
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


# --- Rows that open ---------------------------------------------------------------------------------------------------


def test_documents_stand_under_their_user_for_those_who_may_see_them() -> None:
    alice = people.alice()
    document = make_document(alice)
    page = console(people.compliance()).get("/admin/users/user/").content.decode()
    assert f"/admin/users/document/{document.pk}/change/" in page
    viewer = people.make_staff("viewer")
    from django.contrib.auth.models import Permission

    viewer.user_permissions.set(Permission.objects.filter(codename="view_user"))
    page = console(viewer).get("/admin/users/user/").content.decode()
    assert "Latest documents" not in page
    assert f"/admin/users/document/{document.pk}/" not in page


def test_other_reports_of_the_same_case_stand_under_a_report() -> None:
    alice, bob, carol = people.alice(), people.bob(), people.carol()
    story = make_story(alice)
    first = file_report(bob, kind="story", target_id=story.pk, reason="spam", note="")
    second = file_report(carol, kind="story", target_id=story.pk, reason="nudity", note="")
    page = console(people.community()).get("/admin/moderation/report/").content.decode()
    assert page.count("Other reports in the same case") == 2
    for report in (first, second):
        # In its own line, and under the other one.
        assert page.count(f'href="/admin/moderation/report/{report.pk}/change/') == 2


@pytest.mark.parametrize("table", ["users/user", "moderation/report"])
def test_rows_that_open_cost_no_query_each(django_assert_max_num_queries: Any, table: str) -> None:
    client = console(people.admin())
    bob = people.bob()
    for number in range(8):
        user = people.make_user(f"user{number}")
        make_document(user)
        make_report(bob, "story", make_story(user), user)
    client.get(f"/admin/{table}/")
    with django_assert_max_num_queries(12):
        client.get(f"/admin/{table}/")


# --- Forms and columns ------------------------------------------------------------------------------------------------


def test_forms_ask_before_they_are_left_unsaved() -> None:
    event = make_event(people.alice())
    page = console(people.community()).get(f"/admin/events/event/{event.pk}/change/").content.decode()
    assert "warn-unsaved-form" in page


def test_an_outcome_has_one_colour_in_reports_and_stories() -> None:
    from admin_dashboards.moderation.reports import OUTCOME_LABELS
    from admin_dashboards.states import story_state

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
