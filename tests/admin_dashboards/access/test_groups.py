"""Groups in the console: the product's path, and what the board offers to whom."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.users.models import User
from tests import people
from tests.console import console, fields, links
from tests.people import permission_ids

pytestmark = pytest.mark.django_db

TABLE = "/admin/auth/group/"


def permissions_of(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def test_a_new_group_and_its_first_member_are_created_on_screen() -> None:
    client, nora = console(people.access()), people.make_staff("nora")
    assert f"{TABLE}add/" in links(client.get(TABLE))
    board = client.get(f"{TABLE}add/").content.decode()
    assert "Can delete story" in board
    assert "Can change event" in board
    answer = client.post(
        f"{TABLE}add/",
        {"name": "Junior Moderators", "permissions": permission_ids("delete_story", "change_event")},
        follow=True,
    )
    assert answer.redirect_chain
    juniors = Group.objects.get(name="Junior Moderators")
    assert permissions_of("Junior Moderators") == {"delete_story", "change_event"}
    page = f"/admin/users/staff/{nora.pk}/change/"
    assert "Junior Moderators" in client.get(page).content.decode()
    form = {"username": "nora", "email": nora.email, "is_active": "on", "groups": [juniors.pk]}
    assert client.post(page, form).status_code == 302
    assert [group.name for group in nora.groups.all()] == ["Junior Moderators"]
    assert console(nora).get("/admin/stories/story/").status_code == 200


def test_permission_board_lists_each_permission_once_by_its_plain_name() -> None:
    board = console(people.admin()).get(f"{TABLE}add/").content.decode()
    shown = re.findall(r'name="permissions" value="(\d+)"', board)
    assert len(shown) == len(set(shown)) > 40
    names = [name.strip() for name in re.findall(r"<span>(Can [^<]+)</span>", board)]
    assert len(names) == len(shown)
    assert not [name for name in names if "historical" in name]


def test_the_access_manager_cannot_tick_what_only_a_superuser_gives() -> None:
    board = console(people.access()).get(f"{TABLE}add/").content.decode()
    for codename in ("change_staff", "delete_group", "end_session"):
        box = re.search(rf'value="{permission_ids(codename)[0]}"[^>]*>', board)
        assert box
        assert "disabled" in box.group()


def test_ticking_it_by_hand_is_refused_and_keeps_what_was_typed() -> None:
    client = console(people.access())
    answer = client.post(
        f"{TABLE}add/", {"name": "Deputies", "permissions": permission_ids("delete_story", "change_staff")}
    )
    assert answer.status_code == 403
    assert "Only a superuser can grant or revoke “Can change staff member”." in answer.content.decode()
    assert 'value="Deputies"' in answer.content.decode()
    assert not Group.objects.filter(name="Deputies").exists()


def test_saving_keeps_what_the_page_did_not_offer() -> None:
    group = Group.objects.create(name="Mixed")
    group.permissions.set(Permission.objects.filter(codename__in=["delete_story", "view_entry", "view_session"]))
    client = console(people.access())
    page = f"{TABLE}{group.pk}/change/"
    assert client.post(page, {"name": "Mixed", "permissions": permission_ids("change_event")}).status_code == 302
    assert permissions_of("Mixed") == {"change_event", "view_entry", "view_session"}


def test_a_name_in_use_is_said_at_the_field() -> None:
    answer = console(people.access()).post(f"{TABLE}add/", {"name": "access manager", "permissions": []})
    assert answer.status_code == 422
    assert "There is a group of this name already." in answer.content.decode()


def test_built_in_groups_are_neither_deleted_nor_renamed() -> None:
    built_in = Group.objects.get(name="Compliance Officer")
    for client in (console(people.access()), console(people.admin())):
        page = client.get(f"{TABLE}{built_in.pk}/change/")
        assert f"{TABLE}{built_in.pk}/delete/" not in links(page)
        assert client.get(f"{TABLE}{built_in.pk}/delete/").status_code == 403
        client.post(f"{TABLE}{built_in.pk}/delete/", {"post": "yes"})
        client.post(
            f"{TABLE}{built_in.pk}/change/",
            {"name": "Officers", "permissions": list(built_in.permissions.values_list("pk", flat=True))},
        )
        client.post(TABLE, {"action": "delete_selected", "_selected_action": built_in.pk, "post": "yes"})
    assert Group.objects.filter(pk=built_in.pk, name="Compliance Officer").exists()


def test_a_group_of_their_own_is_deleted_after_a_question() -> None:
    group = Group.objects.create(name="Gone soon")
    client = console(people.access())
    assert client.get(f"{TABLE}{group.pk}/delete/").status_code == 200
    assert Group.objects.filter(pk=group.pk).exists()
    assert client.post(f"{TABLE}{group.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Group.objects.filter(pk=group.pk).exists()


def test_managers_cannot_change_their_own_group() -> None:
    manager = people.access()
    own = Group.objects.create(name="Mine")
    manager.groups.add(own)
    answer = console(manager).post(
        f"{TABLE}{own.pk}/change/", {"name": "Mine", "permissions": permission_ids("delete_story")}
    )
    assert answer.status_code == 403
    assert "you cannot change your own permissions" in answer.content.decode()
    assert not permissions_of("Mine")


def test_viewers_of_groups_get_no_form() -> None:
    group = Group.objects.create(name="Watchers")
    group.permissions.set(Permission.objects.filter(codename="view_group"))
    client = console(people.make_staff("watcher", "Watchers"))
    page = client.get(f"{TABLE}{group.pk}/change/")
    assert page.status_code == 200
    assert "_save" not in fields(page)
    assert client.post(f"{TABLE}{group.pk}/change/", {"name": "Mine"}).status_code == 403
    assert client.get(f"{TABLE}add/").status_code == 403


def test_the_list_asks_as_often_for_many_groups() -> None:
    client = console(people.access())
    client.get(TABLE)

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(TABLE).status_code == 200
        return len(queries)

    few = count()
    for number in range(8):
        people.make_staff(f"nora{number}").groups.add(Group.objects.create(name=f"Group {number}"))
    assert count() == few


def test_its_history_says_who_gave_what() -> None:
    manager: Any = people.access()
    client = console(manager)
    client.post(f"{TABLE}add/", {"name": "Juniors", "permissions": permission_ids("delete_story")})
    group = Group.objects.get(name="Juniors")
    client.post(f"{TABLE}{group.pk}/change/", {"name": "Juniors", "permissions": permission_ids("change_event")})
    page = client.get(f"{TABLE}{group.pk}/history/").content.decode()
    assert "access" in page
    assert "delete story" in page
    assert "change event" in page
    assert User.objects.filter(pk=manager.pk).exists()
