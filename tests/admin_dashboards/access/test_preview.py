"""Previews of changes of permissions save nothing, and show exactly what then happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from admin_dashboards.access import preview as previews
from admin_dashboards.access.console_snapshot import ALL, ConsoleSnapshot, snapshot_of
from admin_dashboards.access.preview import Preview
from apps.connections.models import Connection
from apps.events.models import Event
from apps.stories.models import Story
from apps.users.models import Document, User
from apps.users.staff.accounts import groups_of
from apps.users.staff.object_grants import grant_on_row
from tests import people
from tests.console import console, links, undrawn_pages
from tests.crawling import everything
from tests.factories import make_event, make_story
from tests.people import permission_ids

pytestmark = pytest.mark.django_db

TEAM = "Community Manager"


def cast() -> tuple[Any, User]:
    manager, nora = people.access(), people.make_staff("nora", TEAM)
    people.make_staff("second", "Access Manager")
    return console(manager), nora


def promised(client: Any, address: str, form: dict[str, Any], status: int = 200) -> Preview:
    """The preview of a form, which has changed nothing."""
    client.get("/admin/")
    before = everything()
    answer = client.post(address, form | {"_preview": "1"}, headers={"X-Part": "1"})
    assert answer.status_code == status, answer.content
    assert everything() == before
    return answer.context["preview"]


def staff_form(user: User, **given: Any) -> dict[str, Any]:
    groups = [group.pk for group in groups_of(user)]
    return {"username": user.username, "email": user.email, "is_active": "on", "groups": groups} | given


type Action = tuple[str, dict[str, Any]]
"""Where a form is sent, and what."""


def page_of(user: User, **given: Any) -> Action:
    return f"/admin/users/staff/{user.pk}/change/", staff_form(user, **given)


def group_page(name: str, *codenames: str) -> Action:
    return f"/admin/auth/group/{Group.objects.get(name=name).pk}/change/", {
        "name": name,
        "permissions": permission_ids(*codenames),
    }


def row_page(story: Story, **given: Any) -> Action:
    return f"/admin/stories/story/{story.pk}/permissions/", given


def moved(nora: User, story: Story) -> Action:
    juniors = Group.objects.create(name="Juniors")
    juniors.permissions.set(permission_ids("delete_story", "change_event"))
    return page_of(nora, groups=[juniors.pk])


def officer_too(nora: User, story: Story) -> Action:
    names = [TEAM, "Compliance Officer"]
    return page_of(nora, groups=list(Group.objects.filter(name__in=names).values_list("pk", flat=True)))


def switched_off(nora: User, story: Story) -> Action:
    address, form = page_of(nora)
    del form["is_active"]
    return address, form


def group_changed(nora: User, story: Story) -> Action:
    return group_page(TEAM, "view_connection", "delete_story", "import_event", "change_event")


def row_granted(nora: User, story: Story) -> Action:
    return row_page(story, holder=f"user:{nora.pk}", perm=["stories.change_story"])


def row_granted_to_the_group(nora: User, story: Story) -> Action:
    return row_page(story, holder=f"group:{Group.objects.get(name=TEAM).pk}", perm=["stories.change_story"])


def _holds_one_row(nora: User, story: Story, **given: Any) -> None:
    """The one story is all that nora sees of stories."""
    nora.groups.clear()
    grant_on_row(people.admin(), nora, "stories.delete_story", story, **given)


def row_taken_back(nora: User, story: Story) -> Action:
    _holds_one_row(nora, story)
    return row_page(story, holder=f"user:{nora.pk}", revoke=["stories.delete_story"])


def row_brought_forward(nora: User, story: Story) -> Action:
    _holds_one_row(nora, story, ends_at=LATER)
    return row_page(story, holder=f"user:{nora.pk}", perm=["stories.delete_story"], until=f"{SOONER:%Y-%m-%dT%H:%M}")


def end_set(nora: User, story: Story) -> Action:
    team = Group.objects.get(name=TEAM)
    return page_of(nora, **{f"groups_until_{team.pk}": f"{LATER:%Y-%m-%dT%H:%M:%S}"})


def end_brought_forward(nora: User, story: Story) -> Action:
    nora.group_memberships.update(ends_at=LATER)
    team = Group.objects.get(name=TEAM)
    return page_of(nora, **{f"groups_until_{team.pk}": f"{SOONER:%Y-%m-%dT%H:%M:%S}"})


LATER = timezone.now().replace(microsecond=0) + timedelta(days=30)
SOONER = LATER - timedelta(days=20)
ACTIONS = [
    moved, officer_too, switched_off, group_changed, row_granted, row_granted_to_the_group, row_taken_back,
    row_brought_forward, end_set, end_brought_forward,
]  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
def test_previews_equal_the_effect_of_saving(action: Callable[[User, Story], Action]) -> None:
    client, nora = cast()
    story = make_story(people.alice())
    make_event(people.bob())
    address, form = action(nora, story)
    preview = promised(client, address, form)
    others = User.objects.staff().exclude(pk=nora.pk)
    bystanders = {user.pk: snapshot_of(user) for user in others}
    [only] = preview.affected
    assert (only.name, preview.count) == ("nora", 1)
    told_of = only.before.addresses | only.after.addresses
    assert found(nora, told_of) == promise(only.before, told_of)
    assert client.post(address, form).status_code == 302
    assert found(nora, told_of) == promise(only.after, told_of)
    assert snapshot_of(User.objects.get(pk=nora.pk)) == only.after
    assert {user.pk: snapshot_of(user) for user in others} == bystanders


type Evidence = tuple[set[str], set[str], dict[str, set[int]]]
"""What the menu leads to, which addresses open, and the rows of each table."""
TABLES = [f"/admin/{name}/" for name in ("stories/story", "events/event", "users/document", "connections/connection")]


def found(user: User, addresses: set[str]) -> Evidence:
    """Asked at the doors, as that person."""
    client = console(User.objects.get(pk=user.pk))
    known = plain(addresses) | set(TABLES)
    with undrawn_pages():
        home = client.get("/admin/")
        if home.status_code != 200:
            return set(), set(), {}
        pages: dict[str, Any] = {address: client.get(address) for address in known}
    opening = {address for address, page in pages.items() if page.status_code == 200}
    rows = {
        address: set(pages[address].context_data["cl"].queryset.values_list("pk", flat=True))
        for address in TABLES
        if address in opening
    }
    # The overview of who has several desks leads to more than the menu does.
    menu = links(client.get("/admin/preferences/"))
    return {link for link in menu if link in known}, opening, rows


def promise(standing: ConsoleSnapshot, addresses: set[str]) -> Evidence:
    """The same as the page promised it."""
    known = plain(addresses) | set(TABLES)
    models = {
        "stories/story": Story,
        "events/event": Event,
        "users/document": Document,
        "connections/connection": Connection,
    }
    every = {f"/admin/{name}/": set(model.objects.values_list("pk", flat=True)) for name, model in models.items()}
    rows = {address: standing.rows[address] for address in TABLES if address in standing.rows}
    return (
        set(standing.menus) & known,
        plain(standing.addresses),
        {address: every[address] if numbers == ALL else set(numbers) for address, numbers in rows.items()},
    )


def plain(addresses: set[str]) -> set[str]:
    return {address for address in addresses if "…" not in address}


def test_group_previews_name_affected_members_and_count_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 10
    monkeypatch.setattr(previews, "MOST", most)
    client, nora = cast()
    story = make_story(people.alice())
    crowd = [people.make_staff(f"m{place:02}", TEAM) for place in range(most + 3)]
    # One of those beyond the named has the same permission by another grant, and keeps it.
    kept = max([nora, *crowd], key=lambda person: person.pk)
    kept.user_permissions.set(Group.objects.get(name=TEAM).permissions.all())
    # Another is a superuser, with the group and without.
    people.make_staff("zoe", TEAM, is_superuser=True)
    address, form = group_page(TEAM, "delete_story")
    answer = client.post(address, form | {"_preview": "1"}, headers={"X-Part": "1"})
    preview, page = answer.context["preview"], " ".join(answer.content.decode().split())
    assert (preview.asked, len(preview.affected), preview.more, preview.count) == (most + 5, most, 3, most + 3)
    assert f"{most + 3} people are affected." in page
    assert f"{most} of them are named here, 3 more are not." in page
    named = {each.name: each for each in preview.affected}
    assert client.post(address, form).status_code == 302
    for person in (nora, crowd[7]):
        after = named[person.username].after
        assert found(person, after.addresses) == promise(after, after.addresses)
        assert found(person, set())[2] == {"/admin/stories/story/": {story.pk}}


def test_renaming_a_group_affects_no_member() -> None:
    client, _nora = cast()
    juniors = Group.objects.create(name="Juniors")
    juniors.permissions.set(permission_ids("view_connection"))
    people.make_staff("june", "Juniors")
    form = {"name": "Beginners", "permissions": permission_ids("view_connection")}
    preview = promised(client, f"/admin/auth/group/{juniors.pk}/change/", form)
    assert preview.lines() == ["No one loses a permission."]


def test_deleting_a_group_takes_from_each_what_was_said() -> None:
    client, nora = cast()
    juniors = Group.objects.create(name="Juniors")
    juniors.permissions.set(permission_ids("view_connection", "delete_story"))
    olaf = people.make_staff("olaf", "Juniors")
    nora.groups.add(juniors)
    make_story(people.alice())
    address = f"/admin/auth/group/{juniors.pk}/delete/"
    said = client.get(address).content.decode()
    menus = {
        "/admin/connections/connection/": "Connections › Connections",
        "/admin/stories/story/": "Stories › Stories",
    }
    before = {user: found(user, set(menus))[0] for user in (nora, olaf)}
    assert client.post(address, {"post": "yes"}).status_code == 302
    for user, had in before.items():
        lost = had - found(user, set(menus))[0]
        [line] = re.findall(f"{user.username} loses menus: ([^<]*)", said)
        assert set(line.strip().split(" · ")) == {menus[link] for link in lost}
    assert olaf.username in said


def test_previews_for_superusers_are_as_exact() -> None:
    _client, nora = cast()
    boss = people.make_staff("boss", is_superuser=True)
    client = console(people.admin())
    address, form = page_of(nora, groups=[Group.objects.get(name="Access Manager").pk])
    preview = promised(client, address, form)
    assert "nora would become a permanent access manager." in preview.warnings
    [only] = preview.affected
    told_of = only.before.addresses | only.after.addresses
    assert client.post(address, form).status_code == 302
    assert found(nora, told_of) == promise(only.after, told_of)
    # A superuser gains nothing by a group but the membership itself.
    [theirs] = promised(client, *page_of(boss, groups=[Group.objects.get(name=TEAM).pk])).affected
    assert [(change.gained, change.items) for change in theirs.changes] == [(True, [TEAM])]


def test_previews_describe_gains_and_losses_in_plain_text() -> None:
    client, nora = cast()
    address, form = moved(nora, make_story(people.alice()))
    answer = client.post(address, form | {"_preview": "1"}, headers={"X-Part": "1"}).content.decode()
    assert "One person is affected." in answer
    assert "Chat › Messages" in answer
    assert "Messages: all" in answer
    assert "Can settle report" in answer


def test_previews_without_javascript_are_pages_that_save_nothing() -> None:
    client, nora = cast()
    address, form = moved(nora, make_story(people.alice()))
    answer = client.post(address, form | {"_preview": "1"})
    assert "Nothing is saved." in answer.content.decode()
    assert [group.name for group in groups_of(nora)] == [TEAM]


def test_dangerous_pairs_and_the_last_access_administrator_are_named() -> None:
    client, _nora = cast()
    address = f"/admin/auth/group/{Group.objects.get(name=TEAM).pk}/change/"
    preview = promised(client, address, {"name": TEAM, "permissions": permission_ids("review_document", "change_user")})
    assert [str(pair.sentence) for pair in preview.affected[0].pairs] == ["approves documents and edits the same users"]
    assert preview.warnings == ["Each member approves documents and edits the same users."]
    second = User.objects.get(username="second")
    admin = console(people.admin())
    preview = promised(admin, f"/admin/users/staff/{second.pk}/change/", staff_form(second, groups=[]))
    assert "access would be the last permanent access manager." in preview.warnings
    admin.post(f"/admin/users/staff/{second.pk}/change/", staff_form(second, groups=[]))
    manager = User.objects.get(username="access")
    preview = promised(admin, f"/admin/users/staff/{manager.pk}/change/", staff_form(manager, groups=[]), 409)
    assert "This would remove the last permanent access manager." in str(preview.refused)


def test_a_new_group_affects_no_user_and_saves_in_one_step() -> None:
    client, _nora = cast()
    form = {"name": "Junior Moderators", "permissions": permission_ids("delete_story", "change_event")}
    preview = promised(client, "/admin/auth/group/add/", form)
    assert (preview.asked, preview.affected) == (0, [])
    assert client.post("/admin/auth/group/add/", form).status_code == 302
    assert Group.objects.filter(name="Junior Moderators").exists()


def test_previews_of_denied_changes_are_denied() -> None:
    client, nora = cast()
    desk = Group.objects.get(name="Access Manager")
    address = f"/admin/users/staff/{nora.pk}/change/"
    preview = promised(client, address, staff_form(nora, groups=[desk.pk]), 403)
    assert "Only a superuser can add members to" in str(preview.refused)
    assert promised(client, address, staff_form(nora, username="two words"), 422).refused
    assert promised(client, address, staff_form(nora, username=""), 422).errors
    for other in (console(people.support()), console(people.community())):
        assert other.post(address, staff_form(nora) | {"_preview": "1"}).status_code == 403


def test_the_question_before_deleting_says_who_loses_what() -> None:
    client, nora = cast()
    juniors = Group.objects.create(name="Juniors")
    juniors.permissions.set(permission_ids("view_connection"))
    nora.groups.add(juniors)
    page = client.get(f"/admin/auth/group/{juniors.pk}/delete/").content.decode()
    assert "nora loses menus: Connections › Connections" in page
    chosen = {"action": "delete_selected", "_selected_action": juniors.pk}
    assert "nora loses menus: Connections › Connections" in client.post("/admin/auth/group/", chosen).content.decode()
    assert Group.objects.filter(pk=juniors.pk).exists()


class _Buttons(HTMLParser):
    """The names of the buttons that send a form, in the order of the page."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.inside, self.names = form, False, list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") == self.form
        ours = given.get("form") == self.form or (self.inside and "form" not in given)
        if tag == "button" and ours and given.get("type", "submit") == "submit":
            self.names.append(given.get("name") or "")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"


def test_enter_in_a_field_saves() -> None:
    nora, client = people.make_staff("nora"), console(people.access())
    group = Group.objects.create(name="Trainees")
    for address, form in (
        ("/admin/users/staff/add/", "staff_form"),
        (f"/admin/users/staff/{nora.pk}/change/", "staff_form"),
        ("/admin/auth/group/add/", "group_form"),
        (f"/admin/auth/group/{group.pk}/change/", "group_form"),
    ):
        buttons = _Buttons(form)
        buttons.feed(client.get(address).text)
        assert "_preview" in buttons.names
        assert buttons.names[0] == "_save", address
