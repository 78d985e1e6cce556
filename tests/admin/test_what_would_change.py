"""What would change: said before anything is saved, and exactly what then happens."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission

from admin_dashboards.access.preview import Preview, standing_of
from apps.users.models import User
from apps.users.staff import groups_of
from tests import people
from tests.console import console
from tests.crawling import everything
from tests.things import make_event, make_story

pytestmark = pytest.mark.django_db

TEAM = "Community Manager"


def ids(*codenames: str) -> list[int]:
    return list(Permission.objects.filter(codename__in=codenames).values_list("pk", flat=True))


def cast() -> tuple[Any, User]:
    manager, nora = people.access(), people.make_staff("nora", TEAM)
    people.make_staff("second", "Access Manager")
    return console(manager), nora


def promised(client: Any, address: str, form: dict[str, Any], status: int = 200) -> Preview:
    """What the page says, having changed nothing."""
    client.get("/admin/")
    before = everything()
    answer = client.post(address, form | {"_preview": "1"}, headers={"X-Part": "1"})
    assert answer.status_code == status, answer.content
    assert everything() == before
    return answer.context["preview"]  # type: ignore[no-any-return]


def staff_form(user: User, **given: Any) -> dict[str, Any]:
    groups = [group.pk for group in groups_of(user)]
    return {"username": user.username, "email": user.email, "is_active": "on", "groups": groups} | given


def scenes() -> dict[str, Any]:
    """A deed each: where it is sent and what, of a client, of nora and of a story."""
    juniors = Group.objects.create(name="Juniors")
    juniors.permissions.set(ids("delete_story", "change_event"))
    team = Group.objects.get(name=TEAM)
    return {
        "moved": lambda nora, story: (f"/admin/users/staff/{nora.pk}/change/", staff_form(nora, groups=[juniors.pk])),
        "officer too": lambda nora, story: (
            f"/admin/users/staff/{nora.pk}/change/",
            staff_form(nora, groups=[team.pk, Group.objects.get(name="Compliance Officer").pk]),
        ),
        "switched off": lambda nora, story: (
            f"/admin/users/staff/{nora.pk}/change/",
            {key: value for key, value in staff_form(nora).items() if key != "is_active"},
        ),
        "group changed": lambda nora, story: (
            f"/admin/auth/group/{team.pk}/change/",
            {"name": TEAM, "permissions": ids("view_connection", "delete_story", "import_event", "change_event")},
        ),
        "row granted": lambda nora, story: (
            f"/admin/stories/story/{story.pk}/permissions/",
            {"holder": f"user:{nora.pk}", "perm": ["stories.change_story"]},
        ),
        "row granted to the group": lambda nora, story: (
            f"/admin/stories/story/{story.pk}/permissions/",
            {"holder": f"group:{team.pk}", "perm": ["stories.change_story"]},
        ),
    }


@pytest.mark.parametrize(
    "deed", ["moved", "officer too", "switched off", "group changed", "row granted", "row granted to the group"]
)
def test_what_is_promised_is_what_happens(deed: str) -> None:
    client, nora = cast()
    story = make_story(people.alice())
    make_event(people.bob())
    address, form = scenes()[deed](nora, story)
    told = promised(client, address, form)
    bystanders = {user.pk: standing_of(user) for user in User.objects.staff().exclude(pk=nora.pk)}
    [only] = told.affected
    assert only.name == "nora"
    assert standing_of(User.objects.get(pk=nora.pk)) == only.before
    theirs = console(nora)
    assert opens(theirs, only.before.addresses | only.after.addresses) == plain(only.before.addresses)
    assert client.post(address, form).status_code == 302
    now = User.objects.get(pk=nora.pk)
    assert standing_of(now) == only.after
    if now.is_active:
        assert opens(console(now), only.before.addresses | only.after.addresses) == plain(only.after.addresses)
    assert {user.pk: standing_of(user) for user in User.objects.staff().exclude(pk=nora.pk)} == bystanders


def plain(addresses: set[str]) -> set[str]:
    return {address for address in addresses if "…" not in address}


def opens(client: Any, addresses: set[str]) -> set[str]:
    """Those of `addresses` that really open, asked at the door."""
    return {address for address in plain(addresses) if client.get(address).status_code == 200}


def test_it_says_in_words_who_gains_and_loses_what() -> None:
    client, nora = cast()
    address, form = scenes()["moved"](nora, None)
    answer = client.post(address, form | {"_preview": "1"}, headers={"X-Part": "1"}).content.decode()
    assert "One person is affected." in answer
    assert "Chat › Messages" in answer
    assert "Messages: all" in answer
    assert "Can settle report" in answer


def test_without_a_script_it_is_a_page_and_saves_nothing() -> None:
    client, nora = cast()
    address, form = scenes()["moved"](nora, None)
    answer = client.post(address, form | {"_preview": "1"})
    assert "Nothing is saved." in answer.content.decode()
    assert [group.name for group in groups_of(nora)] == [TEAM]


def test_dangerous_pairs_and_the_last_keeper_are_named() -> None:
    client, _nora = cast()
    address = f"/admin/auth/group/{Group.objects.get(name=TEAM).pk}/change/"
    told = promised(client, address, {"name": TEAM, "permissions": ids("review_document", "change_user")})
    assert [str(pair.sentence) for pair in told.affected[0].pairs] == ["approves documents and edits the same users"]
    assert told.warnings == ["Whoever is in it approves documents and edits the same users."]
    second = User.objects.get(username="second")
    admin = console(people.admin())
    told = promised(admin, f"/admin/users/staff/{second.pk}/change/", staff_form(second, groups=[]))
    assert "access would be the last who keeps access for good." in told.warnings
    admin.post(f"/admin/users/staff/{second.pk}/change/", staff_form(second, groups=[]))
    manager = User.objects.get(username="access")
    told = promised(admin, f"/admin/users/staff/{manager.pk}/change/", staff_form(manager, groups=[]), 409)
    assert "nobody who keeps access" in str(told.refused)


def test_a_new_group_concerns_nobody_yet_and_saves_in_one_step() -> None:
    client, _nora = cast()
    form = {"name": "Junior Moderators", "permissions": ids("delete_story", "change_event")}
    told = promised(client, "/admin/auth/group/add/", form)
    assert (told.asked, told.affected) == (0, [])
    assert client.post("/admin/auth/group/add/", form).status_code == 302
    assert Group.objects.filter(name="Junior Moderators").exists()


def test_what_may_not_be_done_may_not_be_tried() -> None:
    client, nora = cast()
    desk = Group.objects.get(name="Access Manager")
    address = f"/admin/users/staff/{nora.pk}/change/"
    told = promised(client, address, staff_form(nora, groups=[desk.pk]), 403)
    assert "Only a superuser puts people into" in str(told.refused)
    assert promised(client, address, staff_form(nora, username="two words"), 422).refused
    assert promised(client, address, staff_form(nora, username=""), 422).errors
    for other in (console(people.support()), console(people.community())):
        assert other.post(address, staff_form(nora) | {"_preview": "1"}).status_code == 403


def test_the_question_before_deleting_says_who_loses_what() -> None:
    client, nora = cast()
    juniors = Group.objects.create(name="Juniors")
    juniors.permissions.set(ids("view_connection"))
    nora.groups.add(juniors)
    page = client.get(f"/admin/auth/group/{juniors.pk}/delete/").content.decode()
    assert "nora loses menus: Connections › Connections" in page
    chosen = {"action": "delete_selected", "_selected_action": juniors.pk}
    assert "nora loses menus: Connections › Connections" in client.post("/admin/auth/group/", chosen).content.decode()
    assert Group.objects.filter(pk=juniors.pk).exists()
