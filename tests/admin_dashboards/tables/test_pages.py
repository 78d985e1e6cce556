"""Pages of a table as viewers turn them: next, back, first, last and a day, within filters, at bad addresses too."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from django.test import Client

from admin_dashboards.tables.change_list import BoundedPaginator
from apps.review.models import SavedFilter
from apps.users.models import Session, User
from tests import people
from tests.console import console, links

pytestmark = pytest.mark.django_db
USERS = "/admin/users/user/"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def viewer() -> Client:
    """With 25 users to see, five a day, ten a page, latest first: user24 … user00."""
    for number in range(25):
        user = people.make_user(f"user{number:02}", role=("brand", "influencer")[number % 2])
        User.objects.filter(pk=user.pk).update(date_joined=NOON + timedelta(days=number // 5, seconds=number))
    return console(people.compliance())


def names(page: Any) -> list[str]:
    assert page.status_code == 200
    return [row.username for row in page.context["cl"].result_list]


def users(*numbers: int) -> list[str]:
    return [f"user{number:02}" for number in numbers]


def by(page: Any, column: str) -> str:
    """The query of the order by that column, oldest or least first."""
    return f"o={page.context['cl'].list_display.index(column)}"


def turn(client: Client, page: Any, title: str) -> Any:
    """Follow the link of that title, as it is on the page."""
    text = re.sub(r"<kbd>.*?</kbd>", "", page.text)
    [address] = re.findall(rf'<a class="desk-small-button" href="([^"]+)"[^>]*><span[^>]*>\w+</span>{title}</a>', text)
    return client.get(f"{USERS}{address.replace('&amp;', '&')}")


def test_pages_are_turned_to_the_last_row_and_back(viewer: Client) -> None:
    first = viewer.get(USERS)
    assert names(first) == users(*range(24, 14, -1))
    assert not {"First", "Back"} & {title for title in ("First", "Back") if f"</span>{title}</a>" in first.text}
    second = turn(viewer, first, "Next")
    assert names(second) == users(*range(14, 4, -1))
    third = turn(viewer, second, "Next")
    assert names(third) == users(4, 3, 2, 1, 0)
    assert 'rel="next"' not in third.text
    assert names(turn(viewer, third, "Back")) == names(second)
    assert names(turn(viewer, third, "First")) == names(first)
    assert names(turn(viewer, first, "Last")) == users(*range(9, -1, -1))


def test_rows_past_the_bound_of_counting_are_reached(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedPaginator, "limit", 12)
    page = viewer.get(USERS)
    assert page.context["cl"].result_count == 12
    assert "more than 12 users" in re.sub(r"\s+", " ", page.text)
    assert names(turn(viewer, turn(viewer, page, "Next"), "Next")) == users(4, 3, 2, 1, 0)


def test_turning_keeps_search_filter_and_order(viewer: Client) -> None:
    order = by(viewer.get(USERS), "joined")
    page = viewer.get(f"{USERS}?q=user&role__exact=influencer&{order}")
    assert names(page) == users(*range(1, 20, 2))
    second = turn(viewer, page, "Next")
    assert names(second) == users(21, 23)
    assert names(turn(viewer, second, "Back")) == names(page)
    assert names(turn(viewer, second, "First")) == names(page)


def test_another_filter_or_order_begins_at_its_first_page(viewer: Client) -> None:
    second = turn(viewer, viewer.get(USERS), "Next")
    kept = [link for link in links(second) if re.search(r"[?&](o|role__exact|is_active__exact)=", link)]
    assert kept
    assert not [link for link in kept if re.search(r"[?&](after|before|day)=", link)]
    assert 'type="hidden" name="after"' not in second.text


def test_a_cursor_holds_within_another_filter(viewer: Client) -> None:
    second = viewer.get(USERS).context["cl"].next
    assert names(viewer.get(f"{USERS}{second}&role__exact=brand")) == users(14, 12, 10, 8, 6, 4, 2, 0)


@pytest.mark.parametrize("query", ["after=x", "after=%ED%B3%A4", f"after={'A' * 3000}", "after=end"])
def test_malformed_cursors_show_the_first_page_and_say_so(viewer: Client, query: str) -> None:
    page = viewer.get(f"{USERS}?{query}")
    assert names(page) == users(*range(24, 14, -1))
    assert "no longer known" in page.text
    assert "no longer known" not in viewer.get(USERS).text


def test_a_cursor_of_another_order_shows_the_first_page(viewer: Client) -> None:
    first = viewer.get(USERS)
    page = viewer.get(f"{USERS}{first.context['cl'].next}&{by(first, 'joined')}")
    assert names(page) == users(*range(10))
    assert "no longer known" in page.text


def test_a_cursor_opens_no_rows_that_the_viewer_may_not_view(viewer: Client) -> None:
    staff = people.make_staff("nora")
    User.objects.filter(pk=staff.pk).update(date_joined=NOON)
    address = viewer.get(USERS).context["cl"].last
    assert "nora" not in names(viewer.get(f"{USERS}{address}"))
    assert console(people.community()).get(f"{USERS}{address}").status_code == 403


# --- Days ------------------------------------------------------------------------------------------------------------


def test_a_day_is_jumped_to(viewer: Client) -> None:
    first = viewer.get(USERS)
    assert "Jump to date" in first.text
    page = viewer.get(f"{USERS}?day=2026-03-04")
    assert names(page) == users(*range(14, 4, -1))
    assert 'value="2026-03-04"' in page.text
    assert names(turn(viewer, page, "Back")) == names(first)
    assert names(viewer.get(f"{USERS}?day=2026-03-04&{by(first, 'joined')}")) == users(*range(10, 20))
    assert names(viewer.get(f"{USERS}?day=2026-03-04&role__exact=brand")) == users(14, 12, 10, 8, 6, 4, 2, 0)


@pytest.mark.parametrize("day", ["x", "2026-02-30", "0001-01-01", "9999-12-31"])
def test_malformed_days_show_the_first_page_and_say_so(viewer: Client, day: str) -> None:
    page = viewer.get(f"{USERS}?day={day}")
    assert names(page) == users(*range(24, 14, -1))
    assert "Enter a day between 1900 and 2999" in page.text


def test_an_order_without_days_offers_none(viewer: Client) -> None:
    for number in range(12):
        people.make_staff(f"staff{number:02}")
    client = console(people.admin())
    staff = "/admin/users/staff/"
    page = client.get(staff)
    assert page.context["cl"].next
    assert "Jump to date" not in page.text
    assert names(client.get(f"{staff}?day=2026-03-04")) == names(page)
    assert client.get("/admin/users/profile/?day=2026-03-04").status_code == 200
    assert "Jump to date" in client.get(f"{staff}?{by(page, 'last_login')}").text


def test_rows_without_a_time_are_reached(viewer: Client) -> None:
    for number in range(12):
        people.make_staff(f"staff{number:02}")
    client = console(people.admin())
    User.objects.filter(username__in=("staff03", "staff04")).update(last_login=NOON)
    order = by(client.get("/admin/users/staff/"), "last_login")
    for query in (order, order.replace("=", "=-")):
        page, found = client.get(f"/admin/users/staff/?{query}"), []
        while True:
            found += names(page)
            if not (address := page.context["cl"].next):
                break
            page = client.get(f"/admin/users/staff/{address}")
        assert sorted(found) == sorted(User.objects.filter(is_staff=True).values_list("username", flat=True))


# --- What else a page leads to ---------------------------------------------------------------------------------------


def test_a_row_leads_back_to_its_page(viewer: Client) -> None:
    address = viewer.get(USERS).context["cl"].next
    second = viewer.get(f"{USERS}{address}")
    row = User.objects.get(username=names(second)[0])
    [change] = [link for link in links(second) if link.startswith(f"{USERS}{row.pk}/change/")]
    assert change.endswith(f"_changelist_filters={quote(address[1:], safe='')}")
    assert f"{USERS}{address}" in links(viewer.get(change))


def test_a_saved_filter_begins_at_the_first_page(viewer: Client) -> None:
    address = viewer.get(f"{USERS}?role__exact=brand").context["cl"].next
    assert parse_qs(viewer.get(f"{USERS}{address}").context["saved"]["query"]) == {"role__exact": ["brand"]}
    sent = {"place": "admin:users_user_changelist", "name": "Brands", "query": f"{address[1:]}&day=2026-03-04"}
    viewer.post("/admin/filters/", sent)
    assert SavedFilter.objects.get().query == "role__exact=brand"


def test_the_days_of_a_filter_begin_at_the_first_page(viewer: Client) -> None:
    address = viewer.get(f"{USERS}?role__exact=brand").context["cl"].next
    shown = viewer.get(f"{USERS}{address}").context["cl"]
    [spec] = [each for each in shown.filter_specs if each.title == "date joined"]
    [choice] = spec.choices(shown)
    assert choice["kept"] == [("role__exact", "brand")]


def test_another_page_size_begins_at_the_first_page(viewer: Client) -> None:
    second = turn(viewer, viewer.get(f"{USERS}?role__exact=brand"), "Next")
    assert second.context["cl"].first_page == f"{USERS}?role__exact=brand"


def test_actions_reach_the_selected_rows_of_a_later_page_or_all_of_them() -> None:
    alice = people.alice()
    for number in range(15):
        Session.objects.create(
            user=alice, door="api", last_seen_at=NOON - timedelta(hours=number), expires_at=NOON + timedelta(days=9999)
        )
    client = console(people.access())
    sessions = "/admin/users/session/?door__exact=api"
    second = client.get(f"/admin/users/session/{client.get(sessions).context['cl'].next}")
    here = second.request["PATH_INFO"] + "?" + second.request["QUERY_STRING"]
    last = second.context["cl"].result_list[-1]
    [action] = [name for name, _title in second.context["action_form"].fields["action"].choices if "end" in name]
    answer = client.post(here, {"action": action, "_selected_action": [last.pk]})
    assert answer.status_code in (200, 302)
    assert _asked(answer, here) == [last.pk]
    everything = client.post(here, {"action": action, "_selected_action": [last.pk], "select_across": "1"})
    assert len(_asked(everything, here)) in (15, 14)


def _asked(answer: Any, here: str) -> list[int]:
    """The rows of a confirmation; those that have ended where there was none."""
    if answer.status_code == 200:
        return [int(number) for number in re.findall(r'name="_selected_action" value="(\d+)"', answer.text)]
    assert answer["Location"] == here
    return list(Session.objects.filter(ended_at__isnull=False).order_by("pk").values_list("pk", flat=True))


def test_an_export_has_all_rows_of_the_filter_from_any_page(viewer: Client) -> None:
    client = console(people.admin())
    address = client.get(f"{USERS}?role__exact=brand").context["cl"].next
    answer = client.get(f"{USERS}export/{address}")
    assert answer.status_code == 200
    assert f"{USERS}{address}" in links(answer)
