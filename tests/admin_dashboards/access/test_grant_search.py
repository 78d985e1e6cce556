"""Permissions on one object: found by search, granted from a person's page or from the object's own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from admin_dashboards.access.objects import MOST, TYPES
from apps.access import may, models_with_row_grants
from apps.users.models import User
from tests import people
from tests.console import console, fields, links, permissions_page
from tests.factories import make_document, make_event, make_message, make_report, make_story

pytestmark = pytest.mark.django_db

TEAM = "Community Manager"


def search_page(staff: User) -> str:
    return f"/admin/users/staff/{staff.pk}/grant/"


def cast() -> tuple[Any, User, dict[str, Any]]:
    nora, alice, bob = people.make_staff("nora"), people.alice(), people.bob()
    story = make_story(alice, "Sunset at the lake")
    objects = {
        "story": story,
        "event": make_event(bob, "Launch Party"),
        "message": make_message(alice, bob, "My card is 4000 1234"),
        "report": make_report(bob, "story", story, alice, note="Seen before"),
        "document": make_document(alice),
    }
    return console(people.access()), nora, objects


def found(client: Any, staff: User, q: str, kind: str = "") -> dict[str, str]:
    """The names of the matches by where each leads, as the page's script asks for them."""
    answer = client.get(search_page(staff), {"q": q, "kind": kind}, headers={"X-Part": "1"})
    assert answer.status_code == 200
    return {f"{match.address}?holder=user:{staff.pk}": match.name for match in answer.context["matches"]}


def test_every_type_of_object_can_be_searched() -> None:
    assert {model._meta.model_name for model in models_with_row_grants()} == set(TYPES)
    client, nora, _objects = cast()
    page = client.get(f"/admin/users/staff/{nora.pk}/change/").text
    assert all(f'<option value="{name}">' in page for name in TYPES)


def test_objects_of_unviewable_models_are_found_by_id_and_owner_alone() -> None:
    client, nora, objects = cast()
    row = objects["story"]
    assert set(found(client, nora, "ALICE").values()) == {
        f"#{objects[kind].pk}, alice" for kind in ("story", "message", "report", "document")
    }
    assert found(client, nora, "sunset") == found(client, nora, "spam") == {}
    for text in (f"#{row.pk}", f"/admin/stories/story/{row.pk}/change/"):
        assert found(client, nora, text, "story") == {
            f"{permissions_page(row)}?holder=user:{nora.pk}": f"#{row.pk}, alice"
        }


def test_objects_are_found_by_owner_title_and_id_and_named_as_in_the_tables() -> None:
    _client, nora, objects = cast()
    client = console(people.admin())
    names = {
        f"{permissions_page(row)}?holder=user:{nora.pk}": name
        for row, name in (
            (objects["story"], f"#{objects['story'].pk} Sunset at the lake, alice"),
            (objects["event"], f"#{objects['event'].pk} Launch Party, bob"),
            (objects["message"], f"#{objects['message'].pk} •••, alice"),
            (objects["report"], f"#{objects['report'].pk} spam, alice"),
            (objects["document"], f"#{objects['document'].pk} identity, alice"),
        )
    }
    assert found(client, nora, "ALICE") == {link: name for link, name in names.items() if name.endswith("alice")}
    assert list(found(client, nora, "sunset").values()) == [f"#{objects['story'].pk} Sunset at the lake, alice"]
    assert list(found(client, nora, "launch", "event").values()) == [f"#{objects['event'].pk} Launch Party, bob"]
    assert found(client, nora, "launch", "story") == {}
    document = objects["document"]
    for text in (f"{document.pk}", f"#{document.pk}", f"document {document.pk}"):
        assert f"#{document.pk} identity, alice" in found(client, nora, text, "document").values(), text


def test_a_pasted_address_leads_straight_to_the_object() -> None:
    client, nora, objects = cast()
    story, document = objects["story"], objects["document"]
    for text, row in (
        (f"https://console.example.com/admin/stories/story/{story.pk}/change/?q=x", story),
        (f"/admin/users/document/{document.pk}/history/", document),
        (f"/admin/compliance/{document.pk}/", document),
        (f"https://api.example.com/api/stories/{story.pk}", story),
        (permissions_page(objects["message"]), objects["message"]),
    ):
        answer = client.get(search_page(nora), {"q": text})
        assert answer.headers.get("Location") == f"{permissions_page(row)}?holder=user:{nora.pk}", text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ghost",
        "9" * 400,
        "http://[",
        "/admin/users/user/1/change/",
        "/admin/stories/story/999999/",
        "a/b",
        "%",
    ],
)
def test_grant_search_explains_queries_without_results(text: str) -> None:
    client, nora, _objects = cast()
    answer = client.get(search_page(nora), {"q": text, "kind": "nothing"})
    assert answer.status_code == 200
    assert ("No object found." in answer.text) == bool(text.strip())
    assert {"kind", "q"} <= set(fields(answer))


def test_masked_values_are_not_searchable() -> None:
    client, nora, _objects = cast()
    make_report(people.carol(), "user", User.objects.get(username="bob"), User.objects.get(username="bob"))
    client = console(people.admin())
    assert found(client, nora, "4000 1234") == {}
    assert found(client, nora, "alice@example.com") == {}
    assert found(client, nora, "Seen before") == {}
    assert found(client, nora, "carol") == {}, "who reported"
    answer = client.get(search_page(nora), {"q": "alice"})
    for hidden in ("4000 1234", "alice@example.com", "Seen before", r"\bbob\b"):
        assert not re.search(hidden, answer.text), hidden


def test_grant_search_is_denied_without_the_permission_to_grant() -> None:
    _client, nora, _objects = cast()
    for name in ("compliance", "community", "support"):
        assert console(getattr(people, name)()).get(search_page(nora), {"q": "alice"}).status_code == 403


def test_a_search_asks_as_often_for_many_objects_and_shows_a_bounded_number() -> None:
    client, nora, objects = cast()
    alice = User.objects.get(username="alice")

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(search_page(nora), {"q": "alice", "kind": "story"}, headers={"X-Part": "1"})
        return len(queries)

    count()  # the first page of a session asks for more
    few = count()
    for number in range(MOST + 5):
        make_story(alice, f"Story {number}")
    assert count() == few
    assert len(found(client, nora, "alice", "story")) == MOST
    assert objects["story"].caption not in str(found(client, nora, "alice", "story")), "the newest come first"


def test_a_match_leads_to_its_grant_form() -> None:
    client, nora, objects = cast()
    [address] = found(client, nora, "alice", "story")
    page = client.get(address)
    assert 'value="nora"' in page.text
    sent = {"holder": "nora", "perm": "stories.delete_story"}
    assert client.post(permissions_page(objects["story"]), sent).status_code == 302
    assert may(User.objects.get(pk=nora.pk), "stories.delete_story", objects["story"])


def test_a_group_is_chosen_by_its_name() -> None:
    client, nora, objects = cast()
    team = Group.objects.get(name=TEAM)
    page = client.get(f"{permissions_page(objects['event'])}?holder=group:{team.pk}").text
    assert f'<option value="{TEAM} (group)">' in page
    assert '<option value="nora">' in page
    assert f'value="{TEAM} (group)"' in page
    for number, name in enumerate((f"{TEAM} (group)", TEAM)):
        perm = ("events.change_event", "events.delete_event")[number]
        assert client.post(permissions_page(objects["event"]), {"holder": name, "perm": perm}).status_code == 302
        assert team.eventgroupobjectpermission_set.filter(permission__codename=perm.split(".")[1]).exists()
    assert nora.eventuserobjectpermission_set.count() == 0


@pytest.mark.parametrize(
    ("given", "field", "said", "status"),
    [
        ({"holder": "ghost"}, "holder", "Choose a staff member or a group.", 422),
        ({"holder": "alice"}, "holder", "Only staff accounts can be granted permissions.", 422),
        ({"perm": []}, "perm", "Select what to grant.", 422),
        ({"until": "soon"}, "until", "Enter the end as a date and time", 422),
        ({"until": "2001-01-01T00:00"}, "until", "Choose an end in the future.", 422),
        ({"holder": "access"}, "form", "You cannot grant or revoke your own permissions.", 403),
        ({"perm": ["auth.add_group"]}, "perm", "cannot be granted on a single object.", 422),
    ],
)
def test_rejected_grants_are_explained_at_their_field_with_the_input_kept(
    given: dict[str, Any], field: str, said: str, status: int
) -> None:
    client, _nora, objects = cast()
    sent = {
        "holder": "nora",
        "perm": ["stories.view_story"],
        "until": "2100-01-01T10:00",
        "reason": "helps out",
    } | given
    answer = client.post(permissions_page(objects["story"]), sent)
    assert answer.status_code == status
    assert said in answer.context["errors"][field]
    assert said in answer.text
    for name in ("holder", "until", "reason"):
        assert f'value="{sent[name]}"' in answer.text, name
    if sent["perm"] == ["stories.view_story"]:
        assert 'value="stories.view_story" checked' in answer.text


def test_the_page_of_each_object_leads_to_its_permissions_for_those_who_grant() -> None:
    _client, _nora, objects = cast()
    admin, officer, manager = console(people.admin()), console(people.compliance()), console(people.community())
    for row in objects.values():
        change = permissions_page(row).replace("/permissions/", "/change/")
        page = admin.get(change)
        assert permissions_page(row) in links(page), row
        assert "Grant permission" in page.text
    for client, name in ((officer, "document"), (manager, "story"), (manager, "event"), (manager, "message")):
        change = permissions_page(objects[name]).replace("/permissions/", "/change/")
        page = client.get(change)
        assert page.status_code == 200
        assert permissions_page(objects[name]) not in links(page), name
