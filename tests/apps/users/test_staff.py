"""Staff, groups and grants: who may do what to whom, and that no user raises their own access."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from apps.access import may
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.users.authentication.console_sessions import begin
from apps.users.authentication.sessions import end_session
from apps.users.models import Session, User
from apps.users.staff.accounts import add_staff, change_staff, set_staff_password
from apps.users.staff.groups import delete_group, save_group
from apps.users.staff.object_grants import grant_on_row, revoke_on_row
from tests import people
from tests.client import api
from tests.console import console
from tests.factories import make_story
from tests.races import at_once

pytestmark = pytest.mark.django_db


def group(name: str, *codenames: str) -> Group:
    made = Group.objects.create(name=name)
    made.permissions.set(Permission.objects.filter(codename__in=codenames))
    return made


def perms(*codenames: str) -> list[Permission]:
    return list(Permission.objects.filter(codename__in=codenames))


def new_staff(actor: User, **given: object) -> User:
    given = {"username": "nora", "email": "nora@staff.example.com", "password": "quite-a-long-phrase-7"} | given
    return add_staff(actor, **given)


# --- Accounts --------------------------------------------------------------------------------------------------------


def test_the_access_manager_adds_staff_in_groups() -> None:
    nora = new_staff(people.access(), groups=[Group.objects.get(name="Community Manager")])
    assert nora.is_staff
    assert nora.role == "staff"
    assert nora.check_password("quite-a-long-phrase-7")
    assert may(nora, "stories.delete_story")
    assert nora.history.count() == 1
    assert nora.history.get().history_user.username == "access"
    assert [row.group.name for row in nora.history.get().groups.all()] == ["Community Manager"]


@pytest.mark.parametrize("name", ["compliance", "community", "support"])
def test_other_staff_do_not_add_or_change_staff(name: str) -> None:
    actor, other = getattr(people, name)(), people.make_staff("other")
    with pytest.raises(Refused):
        new_staff(actor)
    with pytest.raises(Refused):
        change_staff(actor, other.pk, groups=[])
    with pytest.raises(Refused):
        set_staff_password(actor, other.pk, "quite-a-long-phrase-7")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"username": "ACCESS"}, "username"),
        ({"email": "Access@Staff.example.com"}, "email"),
        ({"username": "two words"}, "username"),
        ({"email": "nowhere"}, "email"),
        ({"password": "short"}, "password1"),
    ],
)
def test_invalid_staff_accounts_are_rejected_with_their_field(given: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        new_staff(people.access(), **given)
    assert refused.value.field == field
    assert User.objects.count() == 1


def test_end_users_are_not_staff_to_be_changed() -> None:
    with pytest.raises(Absent):
        change_staff(people.access(), people.alice().pk, is_active=False)


def test_a_new_password_ends_the_sessions() -> None:
    nora = people.make_staff("nora", "Community Manager")
    Session.objects.create(user=nora, door="console", expires_at="2100-01-01T00:00Z")
    set_staff_password(people.access(), nora.pk, "quite-a-long-phrase-7")
    assert not Session.objects.live().filter(user=nora).exists()
    assert "quite-a-long" not in str(list(nora.history.values()))


def test_deactivating_ends_the_sessions_for_good() -> None:
    nora = people.make_staff("nora", "Community Manager")
    begin(nora, address=None, user_agent="")
    change_staff(people.access(), nora.pk, is_active=False)
    assert Session.objects.get().end_reason == "staff.deactivated"
    assert not Session.objects.live().exists()


@pytest.mark.parametrize("stale", [False, True], ids=["by update", "by a row that was read before"])
def test_no_session_outlives_a_deactivation_by_any_writer(stale: bool) -> None:
    nora, alice = people.make_staff("nora", "Community Manager"), people.alice()
    browser, client = console(nora), api(alice)
    assert browser.get("/admin/").status_code == client.get("/users/profile").status_code == 200
    for is_active in (False, True):
        if stale:
            for user in (nora, alice):
                user.is_active = is_active
                user.save()
        else:
            User.objects.update(is_active=is_active)
        assert browser.get("/admin/").status_code == 302
        assert client.get("/users/profile").status_code == 401
    assert api().post("/users/auth/refresh", {"refresh": client.tokens.refresh}).status_code == 401
    assert console(User.objects.get(pk=nora.pk)).get("/admin/").status_code == 200


def test_a_pending_sign_in_does_not_outlive_a_deactivation(settings: Any) -> None:
    settings.STAFF_MFA = "required"
    nora = people.make_staff("nora", "Community Manager")
    client = Client()
    client.post("/admin/login/", {"username": "nora", "password": people.PASSWORD})
    assert client.get("/admin/login/enrol/").status_code == 200
    for is_active in (False, True):
        User.objects.filter(pk=nora.pk).update(is_active=is_active)
    assert client.get("/admin/login/enrol/").headers["Location"] == "/admin/login/"


# --- No user raises their own access -----------------------------------------------------------------------------


def test_users_do_not_change_their_own_rights() -> None:
    manager = people.access()
    everything = group("Everything", "delete_story", "change_event")
    with pytest.raises(Refused):
        change_staff(manager, manager.pk, groups=[*manager.groups.all(), everything])
    with pytest.raises(Refused):
        change_staff(manager, manager.pk, is_active=False)
    theirs = Group.objects.get(name="Access Manager")
    with pytest.raises(Refused):
        save_group(
            manager, theirs.pk, name=theirs.name, permissions=[*theirs.permissions.all(), *perms("delete_story")]
        )
    with pytest.raises(Refused):
        grant_on_row(manager, manager, "stories.delete_story", make_story(people.alice()))
    with pytest.raises(Refused):
        grant_on_row(manager, theirs, "stories.delete_story", make_story(people.bob()))


def test_staff_may_change_their_own_name() -> None:
    manager = people.access()
    assert change_staff(manager, manager.pk, username="anna").username == "anna"


def test_superusers_are_changed_by_superusers_alone() -> None:
    manager, admin = people.access(), people.admin()
    story = make_story(people.alice())
    session = Session.objects.create(user=admin, door="console", expires_at="2100-01-01T00:00Z")
    for action in (
        lambda: change_staff(manager, admin.pk, groups=[group("Some")]),
        lambda: change_staff(manager, admin.pk, is_active=False),
        lambda: change_staff(manager, admin.pk, email="mine@example.com"),
        lambda: set_staff_password(manager, admin.pk, "quite-a-long-phrase-7"),
        lambda: grant_on_row(manager, admin, "stories.delete_story", story),
        lambda: end_session(manager, session.pk),
    ):
        with pytest.raises(Refused):
            action()


DESK = [
    "change_staff",
    "add_staff",
    "grant_permission",
    "change_group",
    "end_session",
    "view_session",
    "add_permission",
]


@pytest.mark.parametrize("codename", DESK)
def test_access_permissions_are_granted_by_superusers_alone(codename: str) -> None:
    manager, admin = people.access(), people.admin()
    with pytest.raises(Refused):
        save_group(manager, name="Deputies", permissions=perms(codename))
    deputies = save_group(admin, name="Deputies", permissions=perms(codename))
    with pytest.raises(Refused):
        save_group(manager, deputies.pk, name="Deputies", permissions=[])
    with pytest.raises(Refused):
        change_staff(manager, people.make_staff("nora").pk, groups=[deputies])
    with pytest.raises(Refused):
        new_staff(manager, username="nils", email="nils@staff.example.com", groups=[deputies])
    with pytest.raises(Refused):
        delete_group(manager, deputies.pk)


def test_managers_cannot_set_passwords_of_access_managers() -> None:
    manager, peer = people.access(), people.make_staff("peer", "Access Manager")
    with pytest.raises(Refused):
        set_staff_password(manager, peer.pk, "quite-a-long-phrase-7")
    with pytest.raises(Refused):
        change_staff(manager, peer.pk, is_active=False)


def test_the_access_manager_hands_out_all_else() -> None:
    manager, nora = people.access(), people.make_staff("nora")
    juniors = save_group(manager, name="Junior Moderators", permissions=perms("delete_story", "change_event"))
    change_staff(manager, nora.pk, groups=[juniors])
    nora = User.objects.get(pk=nora.pk)
    assert may(nora, "stories.delete_story")
    assert may(nora, "events.change_event")
    assert not may(nora, "stories.view_story")


# --- Groups ----------------------------------------------------------------------------------------------------------


def test_a_built_in_group_keeps_its_name_and_stays() -> None:
    admin, built_in = people.admin(), Group.objects.get(name="Compliance Officer")
    with pytest.raises(Conflict):
        delete_group(admin, built_in.pk)
    with pytest.raises(Conflict):
        save_group(admin, built_in.pk, name="Officers", permissions=built_in.permissions.all())


@pytest.mark.parametrize("name", ["compliance officer", "  ", ""])
def test_a_group_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        save_group(people.access(), name=name, permissions=[])
    assert refused.value.field == "name"


def test_a_group_s_change_is_one_version_of_its_history() -> None:
    manager = people.access()
    juniors = save_group(manager, name="Juniors", permissions=perms("delete_story"))
    save_group(manager, juniors.pk, name="Juniors", permissions=perms("change_event"))
    versions = list(juniors.history.order_by("history_id"))
    assert [v.history_user for v in versions] == [manager, manager]
    assert [[row.permission.codename for row in v.permissions.all()] for v in versions] == [
        ["delete_story"],
        ["change_event"],
    ]


def test_the_last_access_manager_stays() -> None:
    admin, manager = people.admin(), people.access()
    with pytest.raises(Conflict) as kept:
        change_staff(admin, manager.pk, groups=[])
    assert kept.value.code == "last-access-manager"
    with pytest.raises(Conflict):
        change_staff(admin, manager.pk, is_active=False)
    desk = Group.objects.get(name="Access Manager")
    with pytest.raises(Conflict):
        save_group(admin, desk.pk, name=desk.name, permissions=[])
    people.make_staff("second", "Access Manager")
    change_staff(admin, manager.pk, groups=[])
    assert not User.objects.get(pk=manager.pk).groups.exists()


@pytest.mark.django_db(transaction=True)
def test_two_access_managers_do_not_remove_each_other_at_once() -> None:
    admin = people.admin()
    managers = [people.access(), people.make_staff("second", "Access Manager")]
    answers = at_once([partial(change_staff, admin, manager.pk, groups=[]) for manager in managers])
    assert sorted(isinstance(answer, Conflict) for answer in answers) == [False, True]
    assert User.objects.filter(groups__name="Access Manager").count() == 1


# --- Grants on one row -----------------------------------------------------------------------------------------------


def test_a_grant_opens_one_row_and_is_written_down() -> None:
    manager, nora = people.access(), people.make_staff("nora")
    story, other = make_story(people.alice()), make_story(people.bob())
    grant_on_row(manager, nora, "stories.delete_story", story, reason="helps out")
    grant_on_row(manager, nora, "stories.delete_story", story)
    assert may(nora, "stories.delete_story", story)
    assert not may(nora, "stories.delete_story", other)
    assert not may(nora, "stories.delete_story")
    entry = Entry.objects.filter(verb=Action.GRANTED).earliest("id")
    assert (entry.actor, entry.target_id, entry.reason) == (manager, str(story.pk), "helps out")
    assert entry.detail["perm"] == "stories.delete_story"
    revoke_on_row(manager, nora, "stories.delete_story", story)
    assert not may(nora, "stories.delete_story", story)
    assert Entry.objects.filter(verb=Action.REVOKED).count() == 1


def test_a_grant_to_a_group_opens_the_row_to_its_members() -> None:
    people.make_staff("nora").groups.add(team := group("Team"))
    story = make_story(people.alice())
    grant_on_row(people.access(), team, "stories.delete_story", story)
    assert may(User.objects.get(username="nora"), "stories.delete_story", story)


@pytest.mark.parametrize(
    "perm", ["stories.add_story", "stories.export_story", "events.change_event", "auth.add_group", "x"]
)
def test_row_grants_reject_permissions_of_other_models(perm: str) -> None:
    with pytest.raises(Invalid):
        grant_on_row(people.access(), people.make_staff("nora"), perm, make_story(people.alice()))


def test_end_users_are_granted_nothing() -> None:
    with pytest.raises(Invalid):
        grant_on_row(people.access(), people.bob(), "stories.delete_story", make_story(people.alice()))


def test_granting_needs_the_permission() -> None:
    with pytest.raises(Refused):
        grant_on_row(people.community(), people.make_staff("nora"), "stories.delete_story", make_story(people.alice()))
