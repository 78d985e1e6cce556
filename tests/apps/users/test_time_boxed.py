"""Memberships and grants on rows that end: to the second, at every entry point, whatever else has run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from apps.access import granted, granted_on_rows, holders, may, require
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.errors import Conflict, Invalid, Refused
from apps.review.claims import colleagues
from apps.stories.models import Story
from apps.stories.services import remove_story
from apps.users.accounts.guards import has_access_permissions
from apps.users.models import User
from apps.users.staff.accounts import add_staff, change_staff, groups_of
from apps.users.staff.object_grants import grant_on_row, revoke_on_row
from tests import people
from tests.console import console, links
from tests.factories import make_story

pytestmark = pytest.mark.django_db

TEAM = "Community Manager"


def in_an_hour() -> datetime:
    return (timezone.now() + timedelta(hours=1)).replace(microsecond=0)


def again(user: User) -> User:
    """As the next request reads them."""
    return User.objects.get(pk=user.pk)


def member_until(end: datetime | None, name: str = TEAM) -> User:
    group = Group.objects.get(name=name)
    return add_staff(
        people.access(),
        username="nora",
        email="nora@staff.example.com",
        password="quite-a-long-phrase-7",
        groups=[group],
        ends={group.pk: end},
    )


def either_side(end: datetime, lasts: Callable[[], object]) -> None:
    """Whether `lasts` is true up to the last moment before `end`, and false from `end` on."""
    with time_machine.travel(end - timedelta(milliseconds=1), tick=False):
        assert lasts()
    with time_machine.travel(end, tick=False):
        assert not lasts()


# --- Memberships -----------------------------------------------------------------------------------------------------


def test_a_membership_ends_to_the_second_in_all_that_it_allows() -> None:
    end = in_an_hour()
    nora, story = member_until(end), make_story(people.alice())
    manager = User.objects.get(username="access")
    team = Group.objects.get(name=TEAM)
    grant_on_row(manager, team, "stories.change_story", story)
    for lasts in (
        lambda: may(again(nora), "stories.delete_story"),
        lambda: granted(again(nora), Story, "view").exists(),
        lambda: holders("stories.delete_story").exists(),
        lambda: nora in colleagues("stories.delete_story"),
        lambda: groups_of(again(nora)),
        lambda: may(again(nora), "stories.change_story", story),
        lambda: granted_on_rows(again(nora)),
        lambda: granted(again(nora), Story, "change").exists(),
        lambda: again(nora).has_perm("stories.delete_story"),
        lambda: "stories.delete_story" in again(nora).get_all_permissions(),
    ):
        either_side(end, lasts)


def test_services_refuse_from_that_second_on() -> None:
    end = in_an_hour()
    nora, story = member_until(end), make_story(people.alice())
    with time_machine.travel(end, tick=False), pytest.raises(Refused):
        remove_story(again(nora), story.pk)
    with time_machine.travel(end - timedelta(seconds=1), tick=False):
        remove_story(again(nora), story.pk)


def test_menus_and_addresses_go_with_it() -> None:
    end = in_an_hour()
    client = console(member_until(end))
    with time_machine.travel(end - timedelta(seconds=1), tick=False):
        assert "/admin/stories/story/" in links(client.get("/admin/"))
        assert client.get("/admin/stories/story/").status_code == 200
    with time_machine.travel(end, tick=False):
        assert "/admin/stories/story/" not in links(client.get("/admin/"))
        assert client.get("/admin/stories/story/").status_code == 403


def test_the_access_manager_s_own_time_ends_too() -> None:
    end = in_an_hour()
    desk = Group.objects.get(name="Access Manager")
    people.access()
    deputy = people.make_staff("deputy")
    change_staff(people.admin(), deputy.pk, groups=[desk], ends={desk.pk: end})
    either_side(end, lambda: has_access_permissions(again(deputy)))
    client = console(deputy)
    with time_machine.travel(end - timedelta(seconds=1), tick=False):
        assert client.get("/admin/auth/group/").status_code == 200
    with time_machine.travel(end, tick=False):
        assert client.get("/admin/auth/group/").status_code == 403
        with pytest.raises(Refused):
            change_staff(again(deputy), people.make_staff("nils").pk, groups=[])


def test_an_end_is_still_to_come_and_whole_seconds() -> None:
    manager, nora, team = people.access(), people.make_staff("nora"), Group.objects.get(name=TEAM)
    with pytest.raises(Invalid):
        change_staff(manager, nora.pk, groups=[team], ends={team.pk: timezone.now()})
    assert not groups_of(nora)
    change_staff(manager, nora.pk, groups=[team], ends={team.pk: datetime(2100, 1, 1, 12, 0, 1, 999, tzinfo=UTC)})
    assert groups_of(nora) == {team: datetime(2100, 1, 1, 12, 0, 1, tzinfo=UTC)}


def test_a_membership_keeps_its_end_unless_another_is_given() -> None:
    end = in_an_hour()
    nora, manager = member_until(end), User.objects.get(username="access")
    team, other = Group.objects.get(name=TEAM), Group.objects.create(name="Other")
    change_staff(manager, nora.pk, groups=[team, other])
    assert groups_of(nora) == {team: end, other: None}
    change_staff(manager, nora.pk, groups=[team], ends={team.pk: None})
    assert groups_of(nora) == {team: None}


def test_ended_memberships_can_begin_again() -> None:
    end = in_an_hour()
    nora, manager = member_until(end), User.objects.get(username="access")
    team = Group.objects.get(name=TEAM)
    with time_machine.travel(end + timedelta(days=1), tick=False):
        change_staff(manager, nora.pk, groups=[team])
        assert groups_of(nora) == {team: None}
        assert nora.group_memberships.get().begun_at == timezone.now()
        assert may(again(nora), "stories.delete_story")
    with time_machine.travel(end + timedelta(days=1), tick=False):
        change_staff(manager, nora.pk, groups=[])
        assert not nora.group_memberships.exists()


def test_managers_cannot_time_box_access_managers() -> None:
    desk = Group.objects.get(name="Access Manager")
    manager, peer = people.access(), people.make_staff("peer", "Access Manager")
    for other in (manager, peer):
        with pytest.raises(Refused):
            change_staff(manager, other.pk, groups=[desk], ends={desk.pk: in_an_hour()})
    assert groups_of(peer) == {desk: None}


def test_one_access_manager_stays_without_an_end() -> None:
    desk, admin = Group.objects.get(name="Access Manager"), people.admin()
    manager = people.access()
    with pytest.raises(Conflict) as kept:
        change_staff(admin, manager.pk, groups=[desk], ends={desk.pk: in_an_hour()})
    assert kept.value.code == "last-access-manager"
    deputy = people.make_staff("deputy")
    change_staff(admin, deputy.pk, groups=[desk], ends={desk.pk: in_an_hour()})
    with pytest.raises(Conflict):
        change_staff(admin, manager.pk, groups=[])
    change_staff(admin, deputy.pk, groups=[desk], ends={desk.pk: None})
    change_staff(admin, manager.pk, groups=[])


def test_history_says_who_gave_it_until_when() -> None:
    end = in_an_hour()
    nora = member_until(end)
    version = nora.history.get()
    assert version.history_user.username == "access"
    assert [(row.group.name, row.ends_at) for row in version.groups.all()] == [(TEAM, end)]
    change_staff(User.objects.get(username="access"), nora.pk, groups=[])
    page = console(people.admin()).get(f"/admin/users/staff/{nora.pk}/history/").content.decode()
    assert f"Community Manager (until {end:%-d %b %Y, %H:%M} UTC)" in page


# --- The page of a member of staff -----------------------------------------------------------------------------------


def staff_form(user: User, **given: Any) -> dict[str, Any]:
    return {"username": user.username, "email": user.email, "is_active": "on"} | given


def test_the_page_gives_an_end_and_shows_it() -> None:
    nora, team = people.make_staff("nora"), Group.objects.get(name=TEAM)
    client, address = console(people.access()), f"/admin/users/staff/{nora.pk}/change/"
    field = f"groups_until_{team.pk}"
    answer = client.post(address, staff_form(nora, groups=[team.pk], **{field: "2100-05-03T17:00"}))
    assert answer.status_code == 302
    end = datetime(2100, 5, 3, 17, tzinfo=UTC)
    assert groups_of(nora) == {team: end}
    assert f'name="{field}" value="2100-05-03T17:00:00"' in client.get(address).content.decode()
    for page in ("/admin/users/staff/", f"/admin/auth/group/{team.pk}/change/"):
        assert "until 3 May 2100, 17:00 UTC" in client.get(page).content.decode()
    # The same again changes nothing; emptied, it is for good.
    client.post(address, staff_form(nora, groups=[team.pk], **{field: "2100-05-03T17:00:00"}))
    assert groups_of(nora) == {team: end}
    client.post(address, staff_form(nora, groups=[team.pk], **{field: ""}))
    assert groups_of(nora) == {team: None}


def test_a_new_account_may_begin_with_an_end() -> None:
    team = Group.objects.get(name=TEAM)
    client = console(people.access())
    sent = {"username": "nora", "email": "nora@staff.example.com", "groups": [team.pk]}
    sent |= dict.fromkeys(("password1", "password2"), "quite-a-long-phrase-7")
    sent[f"groups_until_{team.pk}"] = "2100-05-03T17:00"
    assert client.post("/admin/users/staff/add/", sent).status_code == 302
    assert groups_of(User.objects.get(username="nora")) == {team: datetime(2100, 5, 3, 17, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("text", "said"),
    [("tomorrow", "Enter the end"), ("2001-01-01T00:00", "in the future"), ("9" * 5000, "Enter the end")],
)
def test_an_end_that_is_none_is_said_at_the_form(text: str, said: str) -> None:
    nora, team = people.make_staff("nora"), Group.objects.get(name=TEAM)
    client = console(people.access())
    sent = staff_form(nora, groups=[team.pk], **{f"groups_until_{team.pk}": text})
    answer = client.post(f"/admin/users/staff/{nora.pk}/change/", sent)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not groups_of(nora)


def test_groups_whose_time_is_over_are_shown_nowhere() -> None:
    end = in_an_hour()
    nora, team = member_until(end), Group.objects.get(name=TEAM)
    client = console(User.objects.get(username="access"))
    filtered = f"/admin/users/staff/?group={team.pk}"
    assert "nora" in client.get(filtered).content.decode()
    with time_machine.travel(end, tick=False):
        listed = client.get("/admin/users/staff/").content.decode()
        assert TEAM not in listed.partition('id="result_list"')[2].partition("</table>")[0]
        assert not client.get(filtered).context["cl"].result_list
        page = client.get(f"/admin/users/staff/{nora.pk}/change/")
        assert "checked" not in page.content.decode().partition("board-group")[2].partition("board-note")[0]
        assert "No members yet." in client.get(f"/admin/auth/group/{team.pk}/change/").content.decode()
        row = next(r for r in client.get("/admin/auth/group/").context["cl"].result_list if r.pk == team.pk)
        assert row.member_count == 0


# --- Grants on one row -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to_group", [False, True])
def test_a_grant_on_a_row_ends_to_the_second(to_group: bool) -> None:
    end = in_an_hour()
    manager, nora, story = people.access(), people.make_staff("nora"), make_story(people.alice())
    team = Group.objects.create(name="Team")
    nora.groups.add(team)
    grant_on_row(manager, team if to_group else nora, "stories.delete_story", story, ends_at=end)
    for lasts in (
        lambda: may(again(nora), "stories.delete_story", story),
        lambda: granted(again(nora), Story, "delete").exists(),
        lambda: granted_on_rows(again(nora)),
    ):
        either_side(end, lasts)
    with time_machine.travel(end, tick=False):
        with pytest.raises(Refused):
            require(again(nora), "stories.delete_story", story)
        assert console(nora).get("/admin/stories/story/").status_code == 403
        assert (
            'name="revoke"'
            not in console(manager).get(f"/admin/stories/story/{story.pk}/permissions/").content.decode()
        )
    entry = Entry.objects.get(verb=Action.GRANTED)
    assert entry.detail["until"] == end.isoformat()


def test_granting_anew_sets_the_end_anew() -> None:
    end = in_an_hour()
    manager, nora, story = people.access(), people.make_staff("nora"), make_story(people.alice())
    grant_on_row(manager, nora, "stories.delete_story", story, ends_at=end)
    grant_on_row(manager, nora, "stories.delete_story", story)
    with time_machine.travel(end, tick=False):
        assert may(again(nora), "stories.delete_story", story)
    with pytest.raises(Invalid):
        grant_on_row(manager, nora, "stories.delete_story", story, ends_at=timezone.now())
    revoke_on_row(manager, nora, "stories.delete_story", story)
    assert not may(again(nora), "stories.delete_story", story)


def test_row_grants_end_on_time_and_are_described() -> None:
    nora, story = people.make_staff("nora"), make_story(people.alice())
    client, address = console(people.access()), f"/admin/stories/story/{story.pk}/permissions/"
    sent = {"holder": f"user:{nora.pk}", "perm": "stories.delete_story", "reason": "helps out"}
    client.post(address, sent | {"until": "2100-05-03T17:00"})
    page = client.get(address).content.decode()
    assert page.count("until 3 May 2100, 17:00 UTC") == 2
    assert "helps out" in page
    assert "until 3 May 2100, 17:00 UTC" in client.get(f"/admin/users/staff/{nora.pk}/change/").content.decode()
    client.post(address, {"holder": f"user:{nora.pk}", "revoke": "stories.delete_story"})
    assert "revoked" in client.get(address).content.decode()
    for wrong, said in (("soon", "Enter the end"), ("2001-01-01T00:00", "in the future")):
        assert said in client.post(address, sent | {"until": wrong}, follow=True).content.decode()
    assert not may(again(nora), "stories.delete_story", story)


# --- Why -------------------------------------------------------------------------------------------------------------


def test_a_decision_names_everything_by_which_it_is_allowed() -> None:
    end = in_an_hour()
    nora, story = member_until(end), make_story(people.alice())
    manager, team = User.objects.get(username="access"), Group.objects.get(name=TEAM)
    later = end + timedelta(hours=1)
    nora.user_permissions.add(Permission.objects.get(codename="delete_story"))
    grant_on_row(manager, nora, "stories.delete_story", story, ends_at=later)
    grant_on_row(manager, team, "stories.delete_story", story, ends_at=later)
    sources = may(again(nora), "stories.delete_story", story).sources
    assert {(source.kind, source.name, source.until) for source in sources} == {
        ("group", TEAM, end),
        ("direct", "", None),
        ("row", "", later),
        ("row_group", TEAM, end),  # no longer than they are in the group
    }
    assert f"Through the group “{TEAM}”, until {end:%-d %b %Y, %H:%M} UTC" in map(str, sources)


def test_a_rule_and_a_superuser_are_sources_too() -> None:
    alice = people.alice()
    story = make_story(alice)
    assert [source.kind for source in may(alice, "stories.delete_story", story).sources] == ["rule"]
    assert [source.kind for source in may(people.admin(), "stories.delete_story", story).sources] == ["superuser"]
    assert may(people.bob(), "stories.delete_story", story).sources == []


def test_deactivated_and_former_staff_have_no_permissions() -> None:
    nora = member_until(None)
    change_staff(User.objects.get(username="access"), nora.pk, is_active=False)
    assert not may(again(nora), "stories.delete_story")
    assert may(again(nora), "stories.delete_story").sources == []
    assert not holders("stories.delete_story").exists()
