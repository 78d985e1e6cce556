"""Messages in the console: who wrote when and where, never what; removed and restored."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from guardian.shortcuts import assign_perm

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.chat.models import Message
from apps.review.models import Reveal
from tests import people
from tests.console import console, fields
from tests.factories import make_message

pytestmark = pytest.mark.django_db
MESSAGES = "/admin/chat/message/"
SECRET = "Meet me behind the mill"


@pytest.fixture
def message() -> Message:
    return make_message(people.alice(), people.bob(), SECRET)


def test_the_text_is_masked_on_every_page(message: Message) -> None:
    for staff in (people.community(), people.admin()):
        client = console(staff)
        own = f"{MESSAGES}{message.pk}/"
        chosen = {"action": "delete_selected", "_selected_action": [message.pk]}
        pages = [
            client.get(MESSAGES),
            client.get(MESSAGES, {"q": "alice"}),
            client.get(f"{own}change/"),
            client.get(f"{own}history/"),
            client.get(f"{own}delete/"),
            client.post(MESSAGES, chosen),
        ]
        assert [page.status_code for page in pages] == [200] * 6
        assert not any("mill" in page.content.decode() for page in pages)
        assert "•••" in pages[0].content.decode()


def test_the_text_is_revealed_for_a_reason_to_one_person_for_ten_minutes(message: Message) -> None:
    client, page = console(people.community()), f"{MESSAGES}{message.pk}/change/"
    sent = {"type": "chat.message", "id": message.pk, "field": "text", "next": page}
    assert client.post("/admin/reveal/", sent).status_code == 302
    assert not Reveal.objects.exists()
    assert SECRET in client.post("/admin/reveal/", sent | {"reason": "reported for spam"}, follow=True).content.decode()
    [shown] = Reveal.objects.all()
    assert (shown.subject, shown.until - shown.created_at < timedelta(minutes=11)) == (message.sender, True)
    assert [entry.reason for entry in Entry.objects.filter(verb=Action.REVEALED, target_id=str(message.pk))] == [
        "reported for spam"
    ]
    for elsewhere in (MESSAGES, f"{MESSAGES}{message.pk}/history/", f"{MESSAGES}?q=alice"):
        assert SECRET not in client.get(elsewhere).content.decode()
    other = console(people.make_staff("other", "Community Manager"))
    assert SECRET not in other.get(page).content.decode()
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert SECRET not in client.get(page).content.decode()


def test_seeing_messages_is_not_revealing_them(message: Message) -> None:
    clerk = people.make_staff("clerk")
    assign_perm("chat.view_message", clerk)
    client, page = console(clerk), f"{MESSAGES}{message.pk}/change/"
    assert "reason" not in fields(client.get(page))
    sent = {"type": "chat.message", "id": message.pk, "field": "text", "next": page, "reason": "merely curious"}
    assert client.post("/admin/reveal/", sent).status_code == 403
    assert console(people.support()).post("/admin/reveal/", sent).status_code == 403
    assign_perm("reveal_message", clerk, message)
    assert SECRET in client.post("/admin/reveal/", sent, follow=True).content.decode()
    other = make_message(message.sender, people.carol())
    assert client.post("/admin/reveal/", sent | {"id": other.pk}).status_code == 403


def test_text_is_no_way_to_find_or_order_messages(message: Message) -> None:
    client = console(people.community())
    assert "Message" not in client.get(MESSAGES, {"q": "mill"}).content.decode().split('id="result_list"')[-1][:50]
    assert client.get(MESSAGES, {"text__icontains": "mill"}).status_code in (302, 400)
    page = client.get(MESSAGES, {"o": "5"})
    assert page.status_code == 200


def test_a_message_is_removed_and_restored(message: Message) -> None:
    community = people.community()
    client = console(community)
    chosen = {"_selected_action": [message.pk], "post": "yes", "reason": "Threat"}
    client.post(MESSAGES, chosen | {"action": "delete_selected"})
    message.refresh_from_db()
    assert (message.removed_by, message.removal_reason) == (community, "Threat")
    client.post(f"{MESSAGES}{message.pk}/restore/")
    message.refresh_from_db()
    assert message.removed_at is None


def test_messages_are_neither_added_nor_changed(message: Message) -> None:
    for staff in (people.community(), people.admin()):
        client = console(staff)
        assert client.post(f"{MESSAGES}add/", {"text": "Hello"}).status_code == 403
        assert client.post(f"{MESSAGES}{message.pk}/change/", {"text": "Hello"}).status_code == 403
        assert "text" not in fields(client.get(f"{MESSAGES}{message.pk}/change/"))
    assert Message.objects.get().text == SECRET


def test_messages_are_found_by_sender_and_room(message: Message) -> None:
    other = make_message(people.carol(), people.newton())
    client = console(people.community())
    for term in ("alice", message.room.name):
        page = client.get(MESSAGES, {"q": term}).content.decode()
        assert f"{MESSAGES}{message.pk}/" in page
        assert f"{MESSAGES}{other.pk}/" not in page


def test_removed_messages_are_filtered_from_the_rest(message: Message) -> None:
    client = console(people.community())
    client.post(f"{MESSAGES}{message.pk}/delete/", {"post": "yes"})
    assert f"{MESSAGES}{message.pk}/" in client.get(MESSAGES, {"removed": "yes"}).content.decode()
    assert f"{MESSAGES}{message.pk}/" not in client.get(MESSAGES, {"removed": "no"}).content.decode()


@pytest.mark.parametrize("who", ["compliance", "access", "support"])
def test_other_desks_are_refused_at_every_address(message: Message, who: str) -> None:
    client = console(getattr(people, who)())
    own = f"{MESSAGES}{message.pk}/"
    for address in (MESSAGES, f"{MESSAGES}add/", f"{own}change/", f"{own}delete/", f"{own}history/", f"{own}restore/"):
        assert client.get(address).status_code == 403
        assert client.post(address, {"post": "yes"}).status_code == 403
    assert Message.objects.kept().exists()


def test_a_grant_on_one_message_opens_that_message_alone(message: Message) -> None:
    other = make_message(message.sender, people.carol())
    helper = people.make_staff("helper")
    assign_perm("view_message", helper, message)
    client = console(helper)
    assert client.get(f"{MESSAGES}{message.pk}/change/").status_code == 200
    assert client.get(f"{MESSAGES}{other.pk}/change/").status_code == 404
    assert client.post(f"{MESSAGES}{message.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_page_of_messages_takes_the_same_queries_however_full_it_is(
    message: Message, django_assert_num_queries: Any
) -> None:
    client = console(people.community())
    client.get(MESSAGES)
    for number in range(3):
        with django_assert_num_queries(10):
            client.get(MESSAGES)
        make_message(people.make_user(f"sender{number}"), message.sender)
