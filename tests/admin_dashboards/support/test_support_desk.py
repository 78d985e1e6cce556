"""Investigate: from a name to the answer, for those whose desk it is, and without changing anything."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from admin_dashboards.support.as_seen import TITLES
from api import as_seen
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.audit.models import Entry
from apps.connections.models import Connection
from apps.connections.services import answer_connection, delete_connection
from apps.review.models import Reveal, RevealAllowance
from apps.review.preferences import prefer
from apps.review.reveals import reveals_today
from apps.users.accounts.profiles import update_profile
from apps.users.accounts.suspensions import suspend_user
from apps.users.models import Block, User, phone_digits_reversed
from apps.users.verification.upload import send_document
from apps.users.verification.viewing import record_view
from tests import people
from tests.client import api
from tests.console import console, links, undrawn_errors
from tests.crawling import addresses, everything, forms
from tests.drawn import png, upload
from tests.factories import make_connection, make_event, make_message, make_notification, make_story
from tests.permissions import console_scene

pytestmark = pytest.mark.django_db
HOME = "/admin/support/"


@pytest.fixture
def support() -> Client:
    client = console(people.support())
    client.get("/admin/")
    return client


@pytest.fixture
def alice() -> User:
    alice, bob = people.alice(), people.bob()
    User.objects.filter(pk=alice.pk).update(phone="+49 (30) 123-456")
    make_connection(bob, alice)
    make_message(bob, alice, "the secret plan")
    make_story(bob, "Sunset")
    make_event(alice, "Launch")
    make_notification(alice, "bob wants to connect")
    alice.refresh_from_db()
    return alice


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.mark.parametrize(
    "term",
    ["alice", "ALICE", "@alice", "alice@example.com", "Alice@Example.com", "4930123456", "+49 30 123456"],
)
def test_support_search_finds_users_by_each_identifier(support: Client, alice: User, term: str) -> None:
    assert support.get(HOME, {"q": term}).headers["Location"] == f"{HOME}{alice.pk}/"


def test_support_search_finds_users_by_id_and_pasted_address(support: Client, alice: User) -> None:
    page = f"{HOME}{alice.pk}/"
    for term in (
        f"https://infloo.example/admin/users/user/{alice.pk}/change/",
        f"/admin/users/profile/{alice.profile.pk}/change/",
        "https://infloo.example/api/users/profile/alice",
        page,
    ):
        assert support.get(HOME, {"q": term}).headers["Location"] == page, term
    story = make_story(alice)
    why = f"{page}why/story/{story.pk}/"
    for term in (f"https://infloo.example/api/stories/{story.pk}", f"/admin/stories/story/{story.pk}/change/"):
        assert support.get(HOME, {"q": term}).headers["Location"] == why, term


@pytest.mark.parametrize("term", ["", "nobody at all", "9" * 40, "/admin/users/user/999999/", "%", "community"])
def test_support_search_explains_empty_results(support: Client, alice: User, term: str) -> None:
    people.community()
    answer = support.get(HOME, {"q": term})
    assert answer.status_code == 200
    assert ("No results for" in text(answer)) == bool(term)


@pytest.mark.parametrize(
    "term", ["5550001", "555 0001", "(020) 555-0001", "0555 0001", "020/5550001", "+44 (0)20 5550001"]
)
def test_support_search_finds_users_by_the_end_of_a_phone_number(support: Client, alice: User, term: str) -> None:
    User.objects.filter(pk=alice.pk).update(phone="+44 20 555-0001")
    people.make_user("dora", phone="+44 20 5550002")
    assert support.get(HOME, {"q": term}).headers["Location"] == f"{HOME}{alice.pk}/"
    [entry] = Entry.objects.filter(detail__look="found")
    assert (entry.subject, entry.actor.username, entry.detail["field"]) == (alice, "support", "phone")


def test_support_search_lists_whole_phone_matches_first(support: Client, alice: User) -> None:
    dora, erin = (people.make_user(name, phone=phone) for name, phone in (("dora", "+4930123456"), ("erin", "123456")))
    answer = support.get(HOME, {"q": "123456"})
    assert [hit["name"] for hit in answer.context["found"]] == ["erin", "alice", "dora"]
    assert "3 results, best match first." in text(answer)
    found = Entry.objects.filter(detail__look="found").values_list("subject", flat=True)
    assert set(found) == {alice.pk, dora.pk, erin.pk}


def test_the_bare_id_of_a_user_finds_that_user_and_no_ends_of_phone_numbers(support: Client, alice: User) -> None:
    dora = people.make_user("dora", phone="+4930123457", pk=123457)
    people.make_user("erin", phone="+4940123457")
    assert support.get(HOME, {"q": "123457"}).headers["Location"] == f"{HOME}{dora.pk}/"
    assert not Entry.objects.filter(detail__look="found").exists()
    support.get(f"{HOME}{dora.pk}/pick/", {"q": dora.phone})
    assert not Entry.objects.filter(detail__look="found").exists(), "nothing was shown"
    assert len(support.get(HOME, {"q": "0123457"}).context["found"]) == 2


@pytest.mark.parametrize("term", ["23456", "12 34", "0012345", "+1"])
def test_too_few_digits_of_a_phone_number_say_how_many_it_takes(support: Client, alice: User, term: str) -> None:
    page = text(support.get(HOME, {"q": term}))
    assert "To find a phone number, enter at least its last 6 digits." in page
    assert "alice" not in page
    assert not Entry.objects.filter(detail__look="found").exists()


def test_the_end_of_a_phone_number_is_found_by_an_index() -> None:
    User.objects.bulk_create(
        User(username=f"user{number}", email=f"user{number}@x.example", role="influencer", phone=f"+49{number:09d}")
        for number in range(500)
    )
    query = User.objects.exclude(phone="").alias(end=phone_digits_reversed()).filter(end__startswith="100055")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ANALYZE users_user")
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert "user_by_phone_end" in query.explain()


def test_user_page_shows_all_but_masked_and_private_content(support: Client, alice: User) -> None:
    api(alice).get("/stories/999999")
    page = text(support.get(f"{HOME}{alice.pk}/"))
    for word in ("from bob", "with bob", "bob wants to connect", "Launch", "GET /api/stories/999999", "404 not-found"):
        assert word in page, word
    assert "the secret plan" not in page
    assert "alice@example.com" not in page
    assert "a•••@example.com" in page
    assert "123-456" not in page


def test_a_page_takes_as_many_queries_whatever_there_is(support: Client, alice: User) -> None:
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        support.get(f"{HOME}{alice.pk}/")
    for number in range(5):
        other = people.make_user(f"other{number}")
        make_connection(other, alice)
        make_message(other, alice)
        make_story(alice)
        make_event(alice)
        make_notification(alice)
    with CaptureQueriesContext(connection) as many:
        support.get(f"{HOME}{alice.pk}/")
    assert len(many) <= len(few) <= 45


def test_three_steps_from_a_name_to_the_answer(support: Client, alice: User) -> None:
    page = support.get(HOME, {"q": "alice"}, follow=True)
    [why] = [link for link in links(page) if "/why/connection/" in link]
    bob = User.objects.get(username="bob")
    assert "alice sees connection request" in text(support.get(why))
    save_as(bob, Block(blocker=bob, blocked=alice), action=Action.BLOCKED)
    shown = text(support.get(why))
    assert "alice does not see connection request" in shown
    assert "bob blocked alice" in shown
    assert "Can be fixed by: the user who blocked the other, by removing the block in the app." in shown


def test_explanations_cover_earlier_times(support: Client, alice: User) -> None:
    bob = User.objects.get(username="bob")
    story = make_story(bob, audience="public")
    before = timezone.now()
    save_as(bob, Block(blocker=bob, blocked=alice), action=Action.BLOCKED)
    address = f"{HOME}{alice.pk}/why/story/{story.pk}/"
    assert "alice does not see" in text(support.get(address))
    then = text(support.get(address, {"at": before.isoformat()}))
    assert "alice sees story" in then
    for wrong, said in (
        ("yesterday", "Enter a time such as"),
        ((before + timedelta(days=1)).isoformat(), "This time is in the future. Choose an earlier one."),
        ((before - timedelta(days=900)).isoformat(), "This account did not exist at that time. Choose a later one."),
    ):
        assert said in text(support.get(address, {"at": wrong}))


def test_timeline_shows_changes_and_views_with_actor_and_reason(support: Client, alice: User) -> None:
    community = people.community()
    suspend_user(community, alice.pk, until=timezone.now() + timedelta(days=1), reason="spam in rooms")
    update_profile(alice, bio="Sunsets and more", email="alice@new.example.com", password=people.PASSWORD)
    reveal = {"type": "users.user", "id": alice.pk, "field": "phone", "reason": "calls from it", "next": HOME}
    support.post("/admin/reveal/", reveal)
    document = send_document(alice, upload(png()), doc_type="identity")
    record_view(people.compliance(), document.pk, reason="page 1")
    connection = Connection.objects.get(receiver=alice)
    answer_connection(alice, connection.pk, status="accepted")
    number = connection.pk
    delete_connection(connection.sender, number)
    answer = support.get(f"{HOME}{alice.pk}/")
    page = text(answer)
    timeline = answer.context["timeline"]
    assert {kind.code for kind, _count in timeline.kinds} >= {"change", "view"}
    shown = [(line.who, line.sentence, line.reason) for line in timeline.lines]
    assert ("community", "suspended (user)", "spam in rooms") in shown
    assert ("alice", "changed (profile)", "") in shown
    assert ("support", "revealed phone", "calls from it") in shown
    assert ("compliance", f"viewed document #{document.pk}", "page 1") in shown
    assert ("bob", f"deleted (connection #{number}, bob → alice)", "") in shown
    [accepted] = [line for line in timeline.lines if line.sentence.startswith(f"accepted (connection #{number}")]
    assert ("Status", "Pending", "Accepted") in [(diff.field, diff.before, diff.after) for diff in accepted.changes]
    assert "<ins>Sunsets and more</ins>" in page
    assert "alice@new.example.com" not in page
    assert [line.at for line in timeline.lines] == sorted((line.at for line in timeline.lines), reverse=True)


def test_times_are_read_and_written_in_the_zone_of_the_viewer(support: Client, alice: User) -> None:
    # Shanghai is eight hours ahead of UTC all year.
    prefer(User.objects.get(username="support"), time_zone="Asia/Shanghai")
    with time_machine.travel("2027-03-01T06:30:00Z", tick=False):
        story = make_story(User.objects.get(username="bob"), audience="public")
    address = f"{HOME}{alice.pk}/why/story/{story.pk}/"
    with time_machine.travel("2027-03-01T08:00:00Z", tick=False):
        client = console(User.objects.get(username="support"))
        assert "alice sees story" in text(client.get(address, {"at": "2027-03-01T14:30:00"}))
        before = text(client.get(address, {"at": "2027-03-01T14:29:59"}))
    assert "alice does not see story" in before
    assert "(Asia/Shanghai)" in before
    assert 'value="2027-03-01T14:29:59"' in before
    assert "1 Mar 2027, 14:30" in before


def test_content_of_other_users_is_picked_by_their_name(support: Client, alice: User) -> None:
    page = support.get(f"{HOME}{alice.pk}/pick/", {"q": "bob"})
    assert "Sunset" in text(page)
    [story] = [link for link in links(page) if "/why/story/" in link]
    assert "alice sees story" in text(support.get(story))


def test_absent_targets_and_staff_accounts_answer_404(support: Client, alice: User) -> None:
    community = people.community()
    for path in ("999999/", f"{community.pk}/", f"{community.pk}/as_seen/", f"{alice.pk}/why/document/1/"):
        assert support.get(f"{HOME}{path}").status_code == 404, path
    assert support.get(f"{HOME}{alice.pk}/why/story/999999/").status_code == 200


def test_viewing_as_a_user_needs_a_reason_and_shows_their_app(support: Client, alice: User) -> None:
    address = f"{HOME}{alice.pk}/as_seen/"
    assert "Reason" in text(support.get(address))
    assert not Entry.objects.filter(verb=Action.IMPERSONATED).exists()
    refused = support.post(address, {"reason": " "})
    assert refused.status_code == 422
    assert "Enter a reason." in text(refused)
    shown = text(support.post(address, {"reason": "cannot see a story"}))
    assert "GET /api/stories" in shown
    assert "Sunset" in shown
    assert "the secret plan" not in shown
    assert "alice@example.com" not in shown
    [entry] = Entry.objects.filter(verb=Action.IMPERSONATED)
    assert (entry.target_id, entry.reason) == (str(alice.pk), "cannot see a story")


def _shown(support: Client, viewer: User, kind: str, thing_id: int) -> Any:
    sent = {"reason": "cannot see a story", "kind": kind, "id": thing_id}
    return support.post(f"{HOME}{viewer.pk}/as_seen/", sent)


def test_the_explained_target_is_open_at_the_top(support: Client, alice: User) -> None:
    bob = User.objects.get(username="bob")
    connection = Connection.objects.get(receiver=alice)
    story, event = make_story(bob, "Beach", audience="public"), make_event(bob, "Picnic")
    message, notice = make_message(bob, alice, "again"), make_notification(alice, "a new one")
    for kind, number, titles in (
        ("connection", connection.pk, ["Connections"]),
        ("notification", notice.pk, ["Notifications"]),
        ("message", message.pk, ["Messages"]),
        ("story", story.pk, ["Story", "Viewers of the story"]),
        ("event", event.pk, ["Event", "Attendees of the event"]),
        ("profile", bob.pk, ["Public profile"]),
    ):
        answer = _shown(support, alice, kind, number)
        panels = answer.context["answers"][: len(titles)]
        assert [str(panel.title) for panel in panels] == titles, kind
        assert all(panel.open for panel in panels), kind
        assert "200" in panels[0].state, kind
        assert text(answer).count('id="asked"') == 1, kind
        assert len({panel.path for panel in answer.context["answers"]}) == len(answer.context["answers"])


def test_the_explained_row_of_a_list_is_marked(support: Client, alice: User) -> None:
    for number in range(12):
        make_connection(people.make_user(f"other{number}"), alice)
    oldest = Connection.objects.order_by("pk")[0]
    panel = _shown(support, alice, "connection", oldest.pk).context["answers"][0]
    assert panel.count == 13
    assert panel.body.split('id="asked"')[1].split("</li>")[0].count(f"<dd>{oldest.pk}</dd>") == 1


def test_answers_have_titles_in_words(support: Client, alice: User) -> None:
    assert TITLES.keys() == as_seen.operations()
    page = text(_shown(support, alice, "", 0))
    for title in ("Notifications", "Unread notifications", "Own stories", "Two-factor state"):
        assert f"<h2>{title}</h2>" in page
    for name in ("Get Mfa", "List Own Stories", "Count Unread"):
        assert name not in page


def test_short_answers_stand_open_and_long_ones_closed(support: Client, alice: User) -> None:
    for number in range(5):
        make_notification(alice, f"number {number}")
    opened = {str(panel.title): panel.open for panel in _shown(support, alice, "", 0).context["answers"]}
    assert opened["Unread notifications"]
    assert opened["Own strikes"]
    assert not opened["Notifications"]


def test_a_reveal_has_a_reason_is_kept_and_ends(support: Client, alice: User) -> None:
    page = f"{HOME}{alice.pk}/"
    sent = {"type": "users.user", "id": alice.pk, "field": "email", "next": page}
    assert "Enter a reason" in text(support.post("/admin/reveal/", sent | {"reason": ""}, follow=True))
    assert not Reveal.objects.exists()
    answer = support.post("/admin/reveal/", sent | {"reason": "calls from this address"}, follow=True)
    assert "alice@example.com" in text(answer)
    assert Entry.objects.get(verb=Action.REVEALED).reason == "calls from this address"
    assert "You have revealed 1 field in the last 24 hours." in text(answer)
    other = console(people.make_staff("another", "User Support Specialist"))
    assert "alice@example.com" not in text(other.get(page))
    assert "You have revealed" not in text(other.get(page))
    Reveal.objects.update(until=timezone.now())
    assert "alice@example.com" not in text(support.get(page))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"type": "users.user", "field": "password"}, 422),
        ({"type": "users.user", "field": "email", "id": "x"}, 404),
        ({"type": "users.user", "field": "email", "id": "999999"}, 404),
        ({"type": "users.user", "field": "email", "id": "9" * 5000}, 404),
    ],
)
def test_masked_fields_alone_can_be_revealed(support: Client, sent: dict[str, str], status: int) -> None:
    assert support.post("/admin/reveal/", sent | {"reason": "calls about a story"}).status_code == status


def test_fields_of_staff_accounts_are_not_revealed(support: Client) -> None:
    sent = {"type": "users.user", "field": "email", "id": people.admin().pk, "reason": "calls about a story"}
    assert support.post("/admin/reveal/", sent).status_code == 404
    assert not Reveal.objects.exists()


def test_a_number_longer_than_any_is_none(support: Client, alice: User) -> None:
    sent = {"reason": "calls about a story", "kind": "story", "id": "9" * 5000}
    assert support.post(f"{HOME}{alice.pk}/as_seen/", sent).status_code == 200


def test_the_address_of_what_is_gone_says_so(support: Client, alice: User) -> None:
    assert "No results for" in text(support.get(HOME, {"q": "/api/stories/999999"}))


@pytest.mark.parametrize("who", ["compliance", "community", "access"])
def test_only_support_opens_investigate(alice: User, who: str) -> None:
    client = console(getattr(people, who)())
    for path in ("", f"{alice.pk}/", f"{alice.pk}/why/story/1/", f"{alice.pk}/as_seen/", f"{alice.pk}/pick/?q=bob"):
        answer = client.get(f"{HOME}{path}")
        assert answer.status_code == 403
        assert "Can look into everything about one user" in text(answer)
    assert HOME not in text(client.get("/admin/"))


def test_the_desk_comes_first_in_their_menu(support: Client) -> None:
    overview = links(support.get("/admin/"))
    assert overview.index(HOME) < overview.index("/admin/connections/connection/")


@pytest.mark.timeout(400)
@undrawn_errors()
def test_support_changes_nothing_by_any_method_at_any_address() -> None:
    cast = console_scene.cast()
    rows = console_scene.rows(cast)
    staff = cast["support"]
    assert staff
    client = console(staff)
    client.raise_request_exception = False
    client.get("/admin/")
    other = console(people.make_staff("another", "User Support Specialist"))
    other.get("/admin/")
    theirs = [str(other.session.session_key)]
    before = everything(but_of=staff, others_sessions=theirs)
    assert before["django_session"]
    assert before["users_session"]
    everywhere = [address for address in sorted(addresses(rows)) if "logout" not in address]
    assert len(everywhere) > 200
    sent = {
        "action": "delete_selected", "_selected_action": "1", "post": "yes", "_save": "1", "reason": "calls from it",
        "status": "approved", "name": "x", "username": "x", "email": "x@example.com",
    }  # fmt: skip
    token = {"X-CSRFToken": client.cookies[settings.CSRF_COOKIE_NAME].value}
    # Calls have views for each method. Pages tell posting from looking alone: they take the rare ones in turns.
    rare = ("put", "patch", "delete", "options")
    for place, address in enumerate(everywhere):
        page = client.get(address)
        methods = rare if address.startswith("/api/") else (rare[place % len(rare)],)
        answers = [page, *(getattr(client, method)(address, headers=token) for method in methods)]
        answers.append(client.post(address, sent))
        assert not [answer for answer in answers if answer.status_code >= 500], address
        if page.status_code == 200 and "text/html" in page.headers["Content-Type"]:
            for method, action, filled in forms(address, page):
                if method == "post" and action.startswith("/admin/") and "logout" not in action:
                    client.post(action, filled)
    after = everything(but_of=staff, others_sessions=theirs)
    assert {table for table in after if after[table] != before[table]} == set()


# --- What staff look at ----------------------------------------------------------------------------------------------


def test_reveals_are_rationed_until_a_second_person_allows_more(support: Client, alice: User) -> None:
    clerk, manager = User.objects.get(username="support"), people.access()
    sent = {"type": "users.user", "id": alice.pk, "field": "phone", "reason": "calls from this number"}
    about = {"target_type": "users.user", "field": "email", "subject": alice, "until": timezone.now()}
    Reveal.objects.bulk_create(Reveal(staff=clerk, target_id=number, **about) for number in range(29))
    support.post("/admin/reveal/", sent)
    answer = support.post("/admin/reveal/", sent | {"field": "email"}, follow=True)
    assert "An access manager can allow you more." in text(answer)
    assert Reveal.objects.count() == 30
    desk, access = console(manager), "/admin/access/"
    page = text(desk.get(access))
    assert "30 of 30" in page
    allow = {"person": clerk.pk, "reason": "many calls after an outage"}
    for client, changed, status in (
        (support, {}, 403),
        (console(people.community()), {}, 403),
        (desk, {"person": manager.pk}, 403),
        (desk, {"person": 999}, 404),
        (desk, {"reason": "ok"}, 422),
    ):
        assert client.post(f"{access}reveals/", allow | changed).status_code == status
    assert not RevealAllowance.objects.exists()
    assert desk.post(f"{access}reveals/", allow).status_code == 302
    entry = Entry.objects.get(verb=Action.GRANTED)
    assert (entry.actor, entry.target_id, entry.reason) == (manager, str(clerk.pk), "many calls after an outage")
    support.post("/admin/reveal/", sent | {"field": "email"})
    assert Reveal.objects.count() == 31
    Reveal.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert reveals_today(clerk) == 0


@pytest.mark.parametrize("reason", [".", "a" * 40, "..........", "why not", "  x        x ", "x" * 501])
def test_reasons_say_something(support: Client, alice: User, reason: str) -> None:
    sent = {"type": "users.user", "id": alice.pk, "field": "phone", "reason": reason}
    assert support.post("/admin/reveal/", sent).status_code == 302
    assert support.post(f"{HOME}{alice.pk}/as_seen/", {"reason": reason}).status_code == 422
    assert not Entry.objects.filter(verb__in=(Action.REVEALED, Action.IMPERSONATED)).exists()


def test_users_see_views_and_masked_searches_in_their_access_log(support: Client, alice: User) -> None:
    bob = User.objects.get(username="bob")
    support.get(f"{HOME}{alice.pk}/")
    support.get(f"{HOME}{alice.pk}/")
    support.get(f"{HOME}{bob.pk}/why/profile/{alice.pk}/")
    assert support.get(HOME, {"q": "ALICE@example.com"}).status_code == 302
    User.objects.filter(pk=bob.pk).update(phone="+49 40 7654321")
    support.get(HOME, {"q": "+49407654321"})
    support.get(HOME, {"q": "alice"})
    log = {
        one: [
            (line["kind"], line["text"], line["field"], line["target"])
            for line in api(one).get("/users/profile/access_log").json()["results"]
        ]
        for one in (alice, bob)
    }
    opened = ("opened", "Staff opened what the platform holds about your account.", None, None)
    assert log[alice] == [("found", "Staff found you by your mail address.", "email", None), opened]
    assert log[bob] == [("found", "Staff found you by your phone number.", "phone", None), opened]
    assert set(Entry.objects.filter(subject=alice).values_list("actor__username", flat=True)) == {"support"}
    assert "support" not in api(alice).get("/users/profile/access_log").content.decode()
