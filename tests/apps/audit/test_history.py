"""Versions: one for each change, none where nothing differs, each with who, why and from which request."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.actions import Action
from apps.audit.history import bulk_update_as, history_of, save_as, without_version
from apps.chat.models import Membership
from apps.moderation.reporting import report
from apps.users.authentication.passwords import set_password
from apps.users.models import Profile
from apps.users.staff.accounts import change_staff
from apps.users.staff.groups import delete_group, save_group
from tests import people
from tests.apps.chat.people import connect
from tests.client import api
from tests.console import console
from tests.factories import make_event, make_story

pytestmark = pytest.mark.django_db


def versions(obj: Any) -> list[tuple[str | None, str]]:
    """Who made each version and by which action, first to last."""
    rows = obj.history.order_by("history_id").select_related("history_user")
    return [(row.history_user and row.history_user.username, row.action) for row in rows]


# --- None where nothing differs -------------------------------------------------------------------------------------


def test_signing_in_at_the_console_makes_no_version() -> None:
    staff = people.community()
    before = versions(staff)
    client = Client()
    for _ in range(2):
        client.post("/admin/login/", {"username": "community", "password": people.PASSWORD})
        assert client.get("/admin/").status_code == 200
    staff.refresh_from_db()
    assert staff.last_login is not None
    assert versions(staff) == before


def test_the_first_version_of_a_user_asks_for_no_members() -> None:
    """Who was just made is in no group; the versions of groups and permissions come with these."""
    user = people.make_user("iris")
    user.pk = None
    user.username, user.email = "iris2", "iris2@example.com"
    with CaptureQueriesContext(connection) as queries:
        user.save(force_insert=True)
    assert [query["sql"] for query in queries if "users_user_groups" in query["sql"]] == []
    group = Group.objects.earliest("pk")
    user.groups.add(group)
    first, second = user.history.order_by("history_id")
    assert first.groups.count() == 0
    assert [each.group for each in second.groups.all()] == [group]


def test_the_manager_of_a_history_is_made_once() -> None:
    assert type(history_of(Profile)) is type(history_of(Profile))


def test_saving_without_a_version_ends_with_the_block() -> None:
    alice = people.alice()
    before = len(versions(alice))
    with without_version(alice):
        alice.phone = "+49 30 1234"
        alice.save()
    assert len(versions(alice)) == before
    save_as(alice, alice, action=Action.PROFILE_CHANGED)
    assert len(versions(alice)) == before + 1


def test_models_without_history_are_refused() -> None:
    with pytest.raises(AttributeError):
        history_of(Permission)


@pytest.mark.parametrize("method", ["patch", "put"])
def test_the_same_values_again_make_no_version(method: str) -> None:
    alice = people.alice()
    send = getattr(api(alice), method)
    same = {"bio": "I paint.", "theme": "dark", "social_links": {"web": "https://alice.example.com"}}
    profile = Profile.objects.get(user=alice)
    before = len(versions(profile))
    for _ in range(2):
        answer = send("/users/profile", same | {"email": alice.email, "username": "alice"})
        assert answer.status_code == 200, answer.content
    assert len(versions(profile)) == before + 1
    assert len(versions(alice)) == 1


def test_staff_and_groups_saved_as_they_are_make_no_version() -> None:
    boss, nora = people.admin(), people.make_staff("nora", "Community Manager")
    group = save_group(boss, name="Juniors", permissions=Permission.objects.filter(codename="delete_story"))
    save_group(boss, group.pk, name="Juniors", permissions=group.permissions.all())
    assert versions(group) == [("admin", "group.saved")]
    before = versions(nora)
    groups = list(nora.groups.all())
    for _ in range(2):
        change_staff(boss, nora.pk, username="nora", email=nora.email, is_active=True, groups=groups)
    assert versions(nora) == before
    change_staff(boss, nora.pk, username="nora", email=nora.email, is_active=True, groups=[*groups, group])
    assert versions(nora)[len(before) :] == [("admin", "staff.changed")]


def test_many_rows_changed_at_once_have_versions_where_they_differ() -> None:
    alice, boss = people.alice(), people.admin()
    same, other = make_event(alice, "Same"), make_event(alice, "Other")
    other.title = "Another"
    bulk_update_as(boss, [same, other], ["title"], action=Action.EVENT_EDITED)
    assert versions(same) == [("alice", "event.created")]
    assert versions(other) == [("alice", "event.created"), ("admin", "event.edited")]


def test_a_change_back_is_a_version_and_so_is_a_new_password() -> None:
    alice = people.alice()
    for bio in ("one", "two", "one"):
        alice.profile.bio = bio
        save_as(alice, alice.profile, action=Action.RECORDED, note=bio)
    assert [version.note for version in alice.profile.history.order_by("history_id")] == ["", "one", "two", "one"]
    set_password(alice, alice, "quite-a-long-phrase-7", field="password", action=Action.PASSWORD_CHANGED)
    alice.save()
    assert versions(alice) == [(None, ""), ("alice", "password.changed")]


# --- What is lost with something else -------------------------------------------------------------------------------


def test_members_of_a_deleted_group_have_a_version_that_says_so() -> None:
    boss, other = people.admin(), people.make_staff("other", "Community Manager")
    group = save_group(boss, name="Juniors", permissions=[])
    members = [people.make_staff(name, "Juniors", "Community Manager") for name in ("nora", "otto")]
    before = [versions(each) for each in (*members, other)]
    delete_group(boss, group.pk)
    lost = ("admin", "group.deleted")
    assert [versions(each) for each in (*members, other)] == [[*before[0], lost], [*before[1], lost], before[2]]
    for member in members:
        assert [row.group.name for row in member.history.latest().groups.all()] == ["Community Manager"]
    nora = members[0]
    nora.phone = "+1 555 0123"
    save_as(nora, nora, action=Action.ACCOUNT_CHANGED)
    latest, earlier = nora.history.all()[:2]
    assert latest.diff_against(earlier).changed_fields == ["phone"]


def test_groups_of_a_deleted_permission_have_a_version() -> None:
    boss = people.admin()
    group = save_group(boss, name="Juniors", permissions=Permission.objects.filter(codename="delete_story"))
    Permission.objects.get(codename="delete_story").delete()
    assert len(versions(group)) == 2
    assert not group.history.latest().permissions.exists()


# --- From which request ---------------------------------------------------------------------------------------------


def test_versions_made_at_once_name_the_request() -> None:
    alice, bob = people.alice(), people.bob()
    connect(alice, bob)
    answer = api(alice).post("/chat/rooms", {"participant": bob.pk})
    made = Membership.history.all()
    assert {(row.request_id, row.history_user) for row in made} == {(answer["X-Request-ID"], alice)}
    story = make_story(alice)
    reports = [report(who, kind="story", target_id=story.pk, reason="spam") for who in (bob, people.carol())]
    [case] = {each.case for each in reports}
    client, page = console(people.community()), f"/admin/moderation/{case.pk}/"
    client.get(page)
    case.refresh_from_db()
    answer = client.post(f"{page}decide/", {"version": case.version, "outcome": ["kept"]})
    for each in reports:
        latest = each.history.latest()
        assert (latest.outcome, latest.request_id) == ("kept", answer["X-Request-ID"])
        assert latest.history_user.username == "community"
