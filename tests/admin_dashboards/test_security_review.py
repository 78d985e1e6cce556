"""Findings of a security review, each fixed."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.chat.models import Message
from apps.chat.services import remove_message
from apps.moderation.context import texts_open_to
from apps.review.decisions.models import Decision
from apps.review.reveals import reveal
from apps.stories.models import Story
from apps.users.models import Document, User
from apps.users.staff.accounts import change_staff, groups_of, remove_from_group
from apps.users.verification.four_eyes import ask_second
from apps.users.verification.upload import send_document
from tests import people
from tests.console import console, links
from tests.drawn import png, upload
from tests.factories import make_message, make_story

pytestmark = pytest.mark.django_db


def test_second_review_requests_are_undone_by_their_requester_alone() -> None:
    asked, other = (people.make_staff(name, "Compliance Officer") for name in ("vera", "omar"))
    document = send_document(people.newton(), upload(png()), doc_type="identity")
    ask_second(asked, document.pk, reason="odd stamp")
    decision = Decision.objects.get(verb="document.second_asked")
    response = console(other).post("/admin/compliance/undo/", {"decision": decision.pk})
    assert response.status_code == 409
    assert Document.objects.get().needs_second
    assert console(asked).post("/admin/compliance/undo/", {"decision": decision.pk}).status_code == 302
    assert not Document.objects.get().needs_second


def test_leaving_one_group_leaves_the_others_and_their_ends_alone() -> None:
    manager, person = people.access(), people.make_staff("trainee")
    first, second = Group.objects.get(name="Compliance Officer"), Group.objects.get(name="Community Manager")
    end = (timezone.now() + timedelta(days=3)).replace(microsecond=0)
    change_staff(manager, person.pk, groups=[first, second], ends={second.pk: end})
    remove_from_group(manager, person.pk, first.pk)
    assert groups_of(person) == {second: end}


def test_the_access_desk_shows_sessions_and_resets_to_those_who_may_see_them() -> None:
    person = people.make_staff("half")
    person.user_permissions.add(Permission.objects.get(codename="change_staff"))
    page = console(person).get("/admin/access/").text
    assert "Console sessions" not in page
    assert "MFA resets" not in page
    page = console(people.access()).get("/admin/access/").text
    assert "Console sessions" in page
    assert "MFA resets" in page


def test_absences_are_limited_to_a_year() -> None:
    chosen = {"time_zone": "America/New_York", "away_until": "9999-12-31T23:59"}
    response = console(people.compliance()).post("/admin/preferences/", chosen)
    assert response.status_code == 422
    assert "within a year" in response.text


@pytest.mark.parametrize(
    "address", ["/admin/moderation/undo/", "/admin/filters/", "/admin/preferences/", "/admin/stories/story/"]
)
def test_a_null_character_is_rejected(address: str) -> None:
    sent = {"decision": "1", "reason": "a\x00b", "name": "a\x00b", "time_zone": "\x00", "action": "\x00"}
    assert console(people.community()).post(address, sent).status_code == 422


def test_malformed_addresses_find_nothing_and_redirect_to_the_overview() -> None:
    client = console(people.support())
    assert client.get("/admin/support/", {"q": "http://[x"}).status_code == 200
    for back in ("//[x", "http://[x", "//evil.example/", "javascript:alert(1)"):
        assert client.post("/admin/page_size/", {"page_size": "25", "next": back}).url == "/admin/"


def test_revealed_texts_go_with_the_right_to_reveal() -> None:
    moderator = people.community()
    alice, bob = people.alice(), people.bob()
    message = make_message(alice, bob)
    reveal(moderator, message, "text", subject=alice, reason="reported for spam")
    assert texts_open_to(moderator, [message]) == {message.pk: Message.objects.get().text}
    moderator.groups.clear()
    assert texts_open_to(User.objects.get(pk=moderator.pk), [message]) == {}


def test_a_file_that_storage_has_lost_is_not_there() -> None:
    story = make_story(people.alice())
    story.content_file.storage.delete(story.content_file.name)
    assert console(people.community()).get(f"/admin/stories/story/{story.pk}/file/").status_code == 404


def test_refused_pages_are_not_cached() -> None:
    client = console(people.compliance())
    for address, status in (
        ("/admin/stories/story/", 403),
        ("/admin/users/document/999/change/", 404),
        ("/admin/nowhere/", 404),
        ("/admin/reveal/", 405),
        ("/admin/users/document/7/", 302),
        ("/admin/compliance/next/", 302),
        ("/admin/password_change/", 200),
        ("/admin/password_change/done/", 200),
        ("/admin/login/", 302),
    ):
        answer = client.get(address)
        assert (answer.status_code, "no-store" in answer.headers.get("Cache-Control", "")) == (status, True), address
    assert "no-store" in Client().get("/admin/users/document/")["Cache-Control"]
    strict = Client(enforce_csrf_checks=True)
    assert "no-store" in strict.post("/admin/login/", {"username": "x"})["Cache-Control"]
    assert "no-store" not in client.get("/admin/jsi18n/").headers.get("Cache-Control", "")


def test_a_post_about_what_is_not_theirs_is_refused() -> None:
    """List actions on rows that are not theirs to see, and batches of another desk."""
    alice = people.alice()
    story, message = make_story(alice), make_message(alice, people.bob())
    client = console(people.community())
    helper = people.make_staff("helper")
    assign_perm("stories.delete_story", helper, story)
    other = make_story(alice)
    chosen = {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"}
    assert console(helper).post("/admin/stories/story/", chosen).status_code == 404
    assert client.post("/admin/stories/story/", chosen | {"_selected_action": [999]}).status_code == 404
    assert console(people.support()).post("/admin/stories/story/", chosen).status_code == 403
    assert not Story.objects.exclude(removed_at=None).exists()
    remove_message(people.admin(), message.pk, batch=uuid4())
    batch = Decision.objects.get().batch
    for desk in ("moderation", "moderation/appeals"):
        assert client.post(f"/admin/{desk}/undo/", {"batch": batch}).status_code == 404
    assert client.post("/admin/moderation/undo/", {"batch": uuid4()}).status_code == 404
    assert console(people.compliance()).post("/admin/compliance/undo/", {"batch": batch}).status_code == 404
    assert Decision.objects.in_force().count() == 1


def test_cross_site_requests_for_files_are_denied_and_not_recorded() -> None:
    story = make_story(people.alice())
    client, address = console(people.community()), f"/admin/stories/story/{story.pk}/file/"
    assert client.get(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert not Entry.objects.filter(verb=Action.VIEWED).exists()
    assert client.get(address, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("address", ["support/{}/", "support/{}/why/profile/{}/", "support/?q=alice@example.com"])
def test_cross_site_requests_for_users_are_denied_and_not_recorded(address: str) -> None:
    alice = people.alice()
    client, path = console(people.support()), "/admin/" + address.format(alice.pk, alice.pk)
    page = client.get(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 403
    assert not Entry.objects.filter(subject=alice).exists()
    assert "Opened from another site" in page.text
    assert "Access denied" not in page.text
    assert path in links(page), "one's own click leads on"
    assert client.get(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code in (200, 302)
    assert Entry.objects.filter(subject=alice).count() == 1


@pytest.mark.parametrize(
    ("who", "address"),
    [
        ("support", "/admin/users/profile/{profile}/change/"),
        ("support", "/admin/users/profile/{profile}/history/"),
        ("support", "/admin/users/profile/{profile}/history/{version}/"),
        ("compliance", "/admin/users/user/{user}/change/"),
        ("compliance", "/admin/users/user/{user}/history/"),
    ],
)
def test_views_of_users_in_tables_are_recorded(who: str, address: str) -> None:
    alice = people.alice()
    version = alice.profile.history.latest().pk
    client = console(getattr(people, who)())
    path = address.format(user=alice.pk, profile=alice.profile.pk, version=version)
    assert client.get(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert not Entry.objects.filter(subject=alice).exists()
    assert client.get(path).status_code == 200
    assert client.get(path).status_code == 200
    assert [entry.detail["look"] for entry in Entry.objects.filter(subject=alice)] == ["opened"]
