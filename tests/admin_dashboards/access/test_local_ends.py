"""Ends of memberships and grants: typed and shown in the viewer's own time zone, kept in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group

from apps.review.preferences import prefer
from apps.users.models import User
from apps.users.staff.accounts import change_staff, groups_of
from apps.users.staff.object_grants import grant_on_row
from tests import people
from tests.console import console
from tests.factories import make_story

pytestmark = pytest.mark.django_db

TEAM = "Community Manager"
BERLIN = "Europe/Berlin"
NOW = "2027-01-15T09:00:00Z"


@pytest.fixture(autouse=True)
def _in_january() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def manager_in(zone: str) -> Any:
    manager = people.access()
    prefer(manager, time_zone=zone)
    return console(manager)


def form_of(user: User, end: str) -> dict[str, Any]:
    team = Group.objects.get(name=TEAM)
    ends = {f"groups_until_{team.pk}": end}
    return {"username": user.username, "email": user.email, "is_active": "on", "groups": [team.pk]} | ends


def page_of(user: User) -> str:
    return f"/admin/users/staff/{user.pk}/change/"


def end_of(user: User) -> datetime | None:
    [end] = groups_of(user).values()
    return end


def test_a_membership_ends_at_the_time_that_was_typed_in_the_viewer_s_zone() -> None:
    client, nora = manager_in(BERLIN), people.make_staff("nora")
    page = client.get(page_of(nora)).text
    assert ">Europe/Berlin</span>" in page
    assert client.post(page_of(nora), form_of(nora, "2027-07-01T17:00")).status_code == 302
    assert end_of(nora) == datetime(2027, 7, 1, 15, tzinfo=UTC)
    page = client.get(page_of(nora)).text
    assert 'value="2027-07-01T17:00:00"' in page
    assert "until 1 Jul 2027, 17:00 Europe/Berlin" in client.get("/admin/access/").text
    asked = {"person": "nora", "perm": "stories.delete_story"}
    assert "until 1 Jul 2027, 17:00 Europe/Berlin" in client.get("/admin/access/explain/", asked).text
    assert "until 1 Jul 2027, 15:00 UTC" in console(people.admin()).get("/admin/access/explain/", asked).text


def test_a_grant_ends_at_the_time_that_was_typed_in_the_viewer_s_zone() -> None:
    client, nora, story = manager_in("America/New_York"), people.make_staff("nora"), make_story(people.alice())
    address = f"/admin/stories/story/{story.pk}/permissions/"
    assert ">America/New_York</span>" in client.get(address).text
    sent = {"holder": "nora", "perm": "stories.view_story", "until": "2027-07-01T17:00"}
    assert client.post(address, sent).status_code == 302
    grant = nora.storyuserobjectpermission_set.get()
    assert grant.ends_at == datetime(2027, 7, 1, 21, tzinfo=UTC)
    for page in (address, page_of(nora)):
        assert "until 1 Jul 2027, 17:00 America/New_York" in client.get(page).text, page


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("2027-03-28T02:30", "The clocks in Europe/Berlin skip this time on that day."),
        ("2027-10-31T02:30", "This time occurs twice in Europe/Berlin on that day."),
        ("2027-01-15T10:00", "Choose an end in the future."),
        ("0001-01-01T00:00", "Enter the end as a date and time"),
        ("9999-12-31T23:59", "Enter the end as a date and time"),
        ("2027-02-30T10:00", "Enter the end as a date and time"),
    ],
)
def test_an_end_that_cannot_be_is_said_at_both_forms_with_what_was_typed(end: str, said: str) -> None:
    client, nora, story = manager_in(BERLIN), people.make_staff("nora"), make_story(people.alice())
    answer = client.post(page_of(nora), form_of(nora, end))
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{end}"' in answer.text
    assert not groups_of(nora)
    sent = {"holder": "nora", "perm": "stories.view_story", "until": end}
    answer = client.post(f"/admin/stories/story/{story.pk}/permissions/", sent)
    assert answer.status_code == 422
    assert said in answer.context["errors"]["until"]
    assert f'value="{end}"' in answer.text


@pytest.mark.parametrize(("end", "utc"), [("03:00", "2027-03-28T01:00"), ("01:59:59", "2027-03-28T00:59:59")])
def test_the_times_beside_the_skipped_hour_are_taken(end: str, utc: str) -> None:
    client, nora = manager_in(BERLIN), people.make_staff("nora")
    assert client.post(page_of(nora), form_of(nora, f"2027-03-28T{end}")).status_code == 302
    assert end_of(nora) == datetime.fromisoformat(f"{utc}+00:00")


def test_an_end_in_the_repeated_hour_that_was_set_elsewhere_stays_when_the_form_is_saved() -> None:
    client, nora, team = manager_in(BERLIN), people.make_staff("nora"), Group.objects.get(name=TEAM)
    for hour in (0, 1):  # 02:30 in Berlin, twice
        end = datetime(2027, 10, 31, hour, 30, tzinfo=UTC)
        change_staff(people.make_staff(f"boss{hour}", is_superuser=True), nora.pk, groups=[team], ends={team.pk: end})
        for shown in ("2027-10-31T02:30:00", "2027-10-31T02:30"):  # browsers leave out seconds that are none
            assert client.post(page_of(nora), form_of(nora, shown)).status_code == 302
            assert end_of(nora) == end


def test_the_history_of_an_account_names_the_zone_of_the_viewer() -> None:
    client, nora = manager_in(BERLIN), people.make_staff("nora")
    client.post(page_of(nora), form_of(nora, "2027-07-01T17:00"))
    page = client.get(f"/admin/users/staff/{nora.pk}/history/").text
    assert "until 1 Jul 2027, 17:00 Europe/Berlin" in page


def test_previews_name_the_time_zone_of_the_viewer() -> None:
    client, nora, story = manager_in(BERLIN), people.make_staff("nora"), make_story(people.alice())
    sent = form_of(nora, "2027-07-01T17:00") | {"_preview": "1"}
    assert "until 1 Jul 2027, 17:00 Europe/Berlin" in client.post(page_of(nora), sent, headers={"X-Part": "1"}).text
    end = datetime(2027, 1, 20, 12, tzinfo=UTC)
    grant_on_row(people.admin(), nora, "stories.view_story", story, ends_at=end)
    desk = client.get("/admin/access/").text
    assert "until 20 Jan 2027, 13:00 Europe/Berlin" in desk
