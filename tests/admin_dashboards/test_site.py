"""The console's frame: what opens, how access is denied, page sizes, what a page may load."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from admin_dashboards.menu import SECTIONS
from apps.users.models import Session, User
from tests import people
from tests.console import console, links, undrawn_errors
from tests.factories import make_story

pytestmark = pytest.mark.django_db

TABLES = {
    "users_document": "/admin/users/document/",
    "users_user": "/admin/users/user/",
    "users_profile": "/admin/users/profile/",
    "stories_story": "/admin/stories/story/",
    "events_event": "/admin/events/event/",
    "chat_message": "/admin/chat/message/",
    "moderation_report": "/admin/moderation/report/",
    "connections_connection": "/admin/connections/connection/",
    "notifications_notification": "/admin/notifications/notification/",
    "auth_group": "/admin/auth/group/",
    "users_staff": "/admin/users/staff/",
    "users_session": "/admin/users/session/",
}
THEIRS = {
    "compliance": {"users_document", "users_user"},
    "community": {"stories_story", "events_event", "chat_message", "moderation_report"},
    "access": {"auth_group", "users_staff", "users_session"},
    "support": {"connections_connection", "users_profile", "notifications_notification"},
    "admin": set(TABLES),
}


@pytest.mark.parametrize("name", THEIRS)
@undrawn_errors()
def test_groups_open_exactly_their_tables(name: str) -> None:
    client = console(getattr(people, name)())
    for table, address in TABLES.items():
        assert reverse(f"admin:{table}_changelist") == address
        assert client.get(address).status_code == (200 if table in THEIRS[name] else 403), address


@pytest.mark.parametrize("name", THEIRS)
def test_the_menu_and_the_overview_name_exactly_those_tables(name: str) -> None:
    page = console(getattr(people, name)()).get("/admin/")
    shown = {link for link in links(page) if link in TABLES.values()}
    assert shown == {TABLES[table] for table in THEIRS[name]}


def test_the_menu_has_the_product_s_sections_and_words() -> None:
    page = console(people.admin()).get("/admin/")
    menu = [(str(group["title"]), [str(item["title"]) for item in group["items"]]) for group in _menu(page)]
    assert [entry for entry in menu if entry[1]] == [
        ("Users", ["Documents", "Users", "Profiles"]),
        ("Stories", ["Stories"]),
        ("Events", ["Events"]),
        ("Chat", ["Messages"]),
        ("Moderation", ["Reports"]),
        ("Connections", ["Connections"]),
        ("Notifications", ["Notifications"]),
        ("Authentication", ["Groups", "Users", "Sessions"]),
    ]


def test_the_right_to_change_or_delete_includes_seeing() -> None:
    junior = _junior()
    client = console(junior)
    page = client.get("/admin/")
    assert [str(group["title"]) for group in _menu(page)] == ["Stories", "Events"]
    for table, address in TABLES.items():
        expected = 200 if table in {"stories_story", "events_event"} else 403
        assert client.get(address).status_code == expected, address


def test_a_refusal_names_the_permission_that_is_missing() -> None:
    client = console(people.support())
    page = client.get("/admin/stories/story/")
    assert page.status_code == 403
    assert "You need the permission “Can view story”." in page.content.decode()
    page = client.get("/admin/auth/group/add/")
    assert page.status_code == 403
    assert "“Can add group”" in page.content.decode()


def _way(page: Any) -> list[str]:
    """The parts of the breadcrumb."""
    heading = page.content.decode().partition("<header>")[2].partition("</header>")[0]
    parts = re.findall(
        r'<(?:a|span)[^>]*class="align-middle inline-block leading-5 min-w-0[^>]*>(.*?)</', heading, re.DOTALL
    )
    return [part.strip() for part in parts]


def test_menu_breadcrumb_and_title_call_each_table_the_same() -> None:
    client = console(people.admin())
    for section, entries in SECTIONS:
        for entry in entries:
            opts = apps.get_model(entry.model)._meta
            page = client.get(f"/admin/{opts.app_label}/{opts.model_name}/")
            assert _way(page) == [str(section), str(entry.title)], entry
            assert page.context["title"] == str(entry.title)


def test_the_breadcrumb_of_a_row_is_the_menu_s_way_to_it() -> None:
    admin, nora = people.admin(), people.make_staff("nora")
    client = console(admin)
    client.get("/admin/")
    session = Session.objects.get(user=admin)
    assert _way(client.get(f"/admin/users/staff/{nora.pk}/change/")) == ["Authentication", "Users", "nora"]
    assert _way(client.get(f"/admin/users/staff/{nora.pk}/history/"))[:3] == ["Authentication", "Users", "nora"]
    assert _way(client.get(f"/admin/users/session/{session.pk}/change/"))[:2] == ["Authentication", "Sessions"]


def test_the_breadcrumb_of_imports_and_exports_ends_with_their_name() -> None:
    client = console(people.admin())
    for page in ("import", "export"):
        assert _way(client.get(f"/admin/events/event/{page}/"))[1:] == ["Events", page.title()]


def test_denied_pages_name_a_granter_the_viewer_can_ask() -> None:
    story = make_story(people.alice())
    address = f"/admin/stories/story/{story.pk}/change/"
    specialist = console(people.support())
    assert "An access manager can grant it to you." in specialist.get(address).text
    theirs = console(people.access()).get(address).text
    assert "Another access manager or a superuser can grant it to you." in theirs
    assert "An access manager can grant it to you." not in theirs
    shut = console(people.admin()).post("/admin/")
    assert shut.status_code == 403
    assert "can grant it to you" not in shut.text
    assert "can grant it to you" not in specialist.post("/admin/").text


def test_the_page_of_an_app_is_shut_like_its_tables() -> None:
    client = console(people.support())
    assert client.get("/admin/connections/").status_code == 200
    page = client.get("/admin/stories/")
    assert page.status_code == 403
    assert "You need the permission" in page.content.decode()


def test_a_row_that_is_absent_is_404_and_403_where_the_table_is_shut() -> None:
    for name, expected in [("compliance", 404), ("support", 403)]:
        client = console(getattr(people, name)())
        for page in ("change", "history"):
            assert client.get(f"/admin/users/document/4711/{page}/").status_code == expected
        assert client.get("/admin/users/document/not-a-number/change/").status_code == expected


def test_unknown_addresses_are_404_in_the_console_s_own_dress() -> None:
    page = console(people.support()).get("/admin/nowhere/at/all/")
    assert page.status_code == 404
    assert "Nothing exists at this address" in page.content.decode()


@undrawn_errors()
def test_no_read_only_page_answers_a_post_as_if_it_were_fine() -> None:
    client = console(people.support())
    for address in ("/admin/", "/admin/users/", "/admin/autocomplete/", "/admin/jsi18n/", "/admin/search/"):
        assert client.post(address).status_code == 403, address
    for address in TABLES.values():
        assert client.post(address, {"action": "delete_selected", "_selected_action": "1"}).status_code == 403, address
        assert client.post(f"{address}add/", {}).status_code == 403, address


def test_a_list_action_that_is_not_theirs_is_refused_even_where_the_table_is_open() -> None:
    alice = people.alice()
    client = console(people.compliance())
    answer = client.post("/admin/users/user/", {"action": "delete_selected", "_selected_action": alice.pk})
    assert answer.status_code == 403
    assert User.objects.filter(pk=alice.pk).exists()


def test_a_null_character_is_refused_and_not_an_error() -> None:
    client = console(people.compliance())
    assert client.get("/admin/users/document/?status__exact=%00").status_code == 400
    assert client.get("/admin/users/user/?q=%00").status_code == 400


# --- Pages of a table ------------------------------------------------------------------------------------------------


def test_a_page_has_ten_rows_and_the_choice_is_remembered() -> None:
    for number in range(30):
        people.make_user(f"person{number:02}")
    officer = people.compliance()
    client = console(officer)
    assert _rows(client.get("/admin/users/user/")) == 10
    answer = client.post("/admin/page_size/", {"page_size": "25", "next": "/admin/users/user/?role__exact=influencer"})
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/users/user/?role__exact=influencer"
    assert _rows(client.get("/admin/users/user/")) == 25
    assert _rows(console(officer).get("/admin/users/user/")) == 25, "it outlives the sign-in"


@pytest.mark.parametrize("size", ["11", "0", "-10", "100000", "ten", ""])
def test_other_sizes_are_ignored(size: str) -> None:
    officer = people.compliance()
    assert console(officer).post("/admin/page_size/", {"page_size": size}).status_code == 302
    officer.refresh_from_db()
    assert officer.page_size == 10


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil"])
def test_the_way_back_stays_in_the_console(address: str) -> None:
    answer = console(people.support()).post("/admin/page_size/", {"page_size": "25", "next": address})
    assert answer["Location"] == "/admin/"


def test_choosing_a_size_by_a_link_does_nothing() -> None:
    officer = people.compliance()
    assert console(officer).get("/admin/page_size/?page_size=25").status_code == 405
    officer.refresh_from_db()
    assert officer.page_size == 10


@pytest.mark.parametrize(
    "address", ["/admin/", "/admin/users/user/", "/admin/access/", "/admin/mfa/", "/admin/nowhere"]
)
def test_every_page_has_the_way_out(address: str) -> None:
    assert 'action="/admin/logout/"' in console(people.admin()).get(address).content.decode()


# --- What a page may load --------------------------------------------------------------------------------------------


def test_a_strict_policy_holds_for_every_answer() -> None:
    client = console(people.support())
    policies = {
        client.get(address)["Content-Security-Policy"]
        for address in ("/admin/", "/admin/stories/story/", "/admin/login/", "/nowhere", "/healthz", "/api/docs")
    }
    (policy,) = policies
    assert {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "report-to csp",
    } <= set(policy.split("; "))
    assert "unsafe" not in policy


def test_no_page_loads_anything_from_elsewhere() -> None:
    page = console(people.admin()).get("/admin/users/user/").content.decode()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script>" not in page


def _menu(page: object) -> list[dict[str, object]]:
    """The menu without desks, whose entries have tests of their own."""
    groups = page.context["sidebar_navigation"]
    for group in groups:
        group["items"] = [item for item in group["items"] if str(item["link"]) in TABLES.values()]
    return [group for group in groups if group["items"]]


def _rows(page: object) -> int:
    return len(page.context["cl"].result_list)


def _junior() -> User:
    group = Group.objects.create(name="Junior Moderators")
    group.permissions.set(Permission.objects.filter(codename__in=["delete_story", "change_event"]))
    return people.make_staff("junior", "Junior Moderators")


def test_tables_are_gathered_only_for_pages_that_list_them(monkeypatch: pytest.MonkeyPatch) -> None:
    gathered: list[str | None] = []
    gather = site._build_app_dict

    def noting(request: Any, label: str | None = None) -> Any:
        gathered.append(label)
        return gather(request, label)

    monkeypatch.setattr(site, "_build_app_dict", noting)
    client = console(people.admin())
    assert client.get("/admin/events/event/").status_code == 200
    assert gathered == []
    assert client.get("/admin/events/").status_code == 200
    assert gathered


@pytest.mark.parametrize(
    ("address", "loaded"),
    [
        ("/admin/", set()),
        ("/admin/compliance/", {"desk.js", "compliance.css", "compliance.js"}),
        ("/admin/moderation/", {"desk.js", "moderation.css", "moderation.js"}),
        ("/admin/moderation/appeals/", {"desk.js", "moderation.css", "moderation.js"}),
        ("/admin/access/", {"desk.js"}),
        ("/admin/support/", {"desk.js", "support.css", "support.js"}),
        ("/admin/events/event/", {"moderation.css", "in_place.js"}),
        ("/admin/users/document/", {"compliance.css"}),
    ],
)
def test_pages_load_the_styles_and_scripts_of_their_own_desk(address: str, loaded: set[str]) -> None:
    everywhere = {
        "colors.css",
        "console.css",
        "desk.css",
        "csp.js",
        "drafts.js",
        "console.js",
        "shortcuts.js",
        "icon.svg",
    }
    page = console(people.admin()).get(address)
    assert set(re.findall(r'"/static/admin_dashboards/([\w.]+)"', page.text)) == loaded | everywhere


def test_pages_ask_the_account_itself_and_no_stand_in() -> None:
    """Django's request has two around it, each of which makes three calls of each attribute."""
    answer = console(people.support()).get("/admin/")
    assert type(answer.wsgi_request.user) is User
