"""Message templates: written once in each language, inserted in the one that the user reads."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

from apps.errors import Conflict
from apps.review.message_templates import save_template
from apps.review.models import MessageTemplate
from apps.users.models import Document, User
from apps.users.verification.upload import send_document
from tests import people
from tests.console import console
from tests.drawn import png, upload
from tests.races import at_once, lost, won

pytestmark = pytest.mark.django_db

PAGE = "/admin/compliance/templates/"
ENGLISH, GERMAN = "Please send the back of the card as well.", "Bitte senden Sie auch die Rückseite."


@pytest.fixture
def vera(db: None) -> User:
    return people.make_staff("vera", "Compliance Officer")


def offered(client: Any, document: Document) -> list[tuple[str, str]]:
    """Text and name of each template that the page of the document offers."""
    client.post(f"/admin/compliance/{document.pk}/action/", {"action": "claim"})
    page = client.get(f"/admin/compliance/{document.pk}/").text
    chosen = re.search(r'data-inserts="comment">(.*?)</select>', page, re.DOTALL)
    return re.findall(r'<option value="([^"]+)">([^<]+)</option>', chosen[1]) if chosen else []


def test_a_template_is_offered_in_the_language_of_the_owner(vera: User) -> None:
    client = console(vera)
    client.post(PAGE, {"title": "Back side", "text_en": ENGLISH, "text_de": GERMAN})
    client.post(PAGE, {"title": "Greeting", "text_en": "Hello!"})
    newton = people.newton()
    document = send_document(newton, upload(png()), doc_type="identity")
    assert offered(client, document) == [(ENGLISH, "Back side"), ("Hello!", "Greeting")]
    User.objects.filter(pk=newton.pk).update(language="de")
    assert offered(client, document) == [(GERMAN, "Back side"), ("Hello!", "Greeting (English)")]


def test_templates_are_shared_and_changed_by_their_owner_alone(vera: User) -> None:
    omar = people.make_staff("omar", "Compliance Officer")
    console(vera).post(PAGE, {"title": "Mine", "text_en": "a"})
    console(vera).post(PAGE, {"title": "Ours", "text_en": "b", "shared": "on"})
    mine, ours = MessageTemplate.objects.order_by("title")
    page = console(omar).get(PAGE).text
    assert "shared by vera" in page
    assert "Mine" not in page
    for number, status in ((mine.pk, 404), (ours.pk, 403)):
        assert console(omar).post(PAGE, {"delete": number}).status_code == status
        sent = {"template": number, "title": "Theirs", "text_en": "c"}
        assert console(omar).post(PAGE, sent).status_code == status
    sent = {"template": ours.pk, "title": "Ours, again", "text_de": "d"}
    assert console(vera).post(PAGE, sent).status_code == 302
    ours.refresh_from_db()
    assert (ours.title, ours.texts, ours.shared) == ("Ours, again", {"de": "d"}, False)
    assert console(people.admin()).post(PAGE, {"delete": ours.pk}).status_code == 404, "not shared any more"
    assert console(vera).post(PAGE, {"delete": ours.pk}).status_code == 302
    assert MessageTemplate.objects.get() == mine


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"title": " ", "text_en": "kept text"}, "Enter a title."),
        ({"title": "kept title"}, "Enter the text in at least one language."),
        ({"title": "kept title", "text_en": "x" * 801}, "Use at most 800 characters."),
        ({"title": "t" * 61, "text_en": "kept text"}, "Use at most 60 characters."),
    ],
)
def test_invalid_templates_are_explained_with_their_input(vera: User, sent: dict[str, str], said: str) -> None:
    answer = console(vera).post(PAGE, sent)
    assert answer.status_code == 422
    assert said in answer.text
    for text in sent.values():
        assert text.strip() in answer.text
    assert not MessageTemplate.objects.exists()


def test_a_title_is_one_person_s_once(vera: User) -> None:
    console(vera).post(PAGE, {"title": "Back side", "text_en": ENGLISH})
    answer = console(vera).post(PAGE, {"title": "Back side", "text_en": "again"})
    assert answer.status_code == 409
    assert "You have a template with this title." in answer.text
    omar = people.make_staff("omar", "Compliance Officer")
    assert console(omar).post(PAGE, {"title": "Back side", "text_en": "his"}).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_two_templates_with_one_title_is_saved() -> None:
    vera = people.make_staff("vera", "Compliance Officer")
    save = partial(save_template, vera, "documents", "users.review_document", title="Back", texts={"en": "x"})
    results = at_once([save, save])
    assert len(won(results)) == 1
    assert lost(results) == {(Conflict, "title-taken")}


def test_queues_have_their_own_templates(vera: User) -> None:
    console(vera).post(PAGE, {"title": "Back side", "text_en": ENGLISH})
    community = console(people.community())
    assert "Back side" not in community.get("/admin/moderation/templates/").text
    assert community.get(PAGE).status_code == 403
    assert community.post(PAGE, {"title": "x", "text_en": "y"}).status_code == 403


def test_changes_of_a_template_are_recorded_and_a_colleague_s_is_not_overwritten(vera: User) -> None:
    client = console(vera)
    client.post(PAGE, {"title": "Ours", "text_en": "first", "shared": "on"})
    template = MessageTemplate.objects.get()
    [seen] = re.findall(r'name="version" value="([^"]+)"', client.get(PAGE).text)
    sent = {"template": template.pk, "title": "Ours", "text_en": "second", "shared": "on", "version": seen}
    admin = people.admin()
    assert console(admin).post(PAGE, sent).status_code == 302
    for late in (sent | {"text_en": "typed by vera"}, sent | {"text_en": "typed by vera", "delete": template.pk}):
        answer = client.post(PAGE, late)
        assert answer.status_code == 409
        assert "This template has changed since you opened it." in answer.text
        assert "typed by vera" in answer.text
    [now] = re.findall(r'name="version" value="([^"]+)"', answer.text)
    assert client.post(PAGE, sent | {"delete": template.pk, "version": now}).status_code == 302
    versions = MessageTemplate.history.order_by("history_id")
    assert [(row.history_type, row.history_user, row.texts["en"]) for row in versions] == [
        ("+", vera, "first"),
        ("~", admin, "second"),
        ("-", vera, "second"),
    ]
