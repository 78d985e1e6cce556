"""Users read what they are sent in the language that their app asked for; staff and problems stay with English."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client

from apps.moderation.appeals import appeal, rule_on_appeal
from apps.moderation.models import Case, Strike
from apps.moderation.reporting import report
from apps.notifications.models import Notification
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.review.decisions.services import undo
from apps.stories.services import remove_story
from apps.users.models import User
from apps.users.verification.messages import message_preview
from apps.users.verification.review import review_document
from tests import people
from tests.client import api
from tests.console import console
from tests.factories import make_document, make_event, make_story
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db
NEW = {"username": "nora", "email": "nora@example.com", "password": "a-long-enough-one", "role": "influencer"}


def language_of(username: str) -> str:
    return User.objects.get(username=username).language


def sign_in(username: str, **headers: str) -> int:
    body = {"username": username, "password": people.PASSWORD}
    return api(**headers).post("/users/auth/login", body).status_code


def last_notification(person: User) -> str:
    return Notification.objects.filter(recipient=person).latest("id").text


def in_german(person: User) -> User:
    User.objects.filter(pk=person.pk).update(language="de")
    person.refresh_from_db()
    return person


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, DE;q=0.5", "de"),
        ("fr-CH, fr;q=0.9", "en"),
        ("en-GB, de;q=0.9", "en"),
        ("*", "en"),
        ("de;q=much", "en"),
        ("../../de", "en"),
        ("de" * 5000, "en"),
        ("ä🙂;,;=,q", "en"),
        (", " * 300, "en"),
    ],
)
def test_sign_up_stores_the_language(asked: str, language: str) -> None:
    answer = api(**{"Accept-Language": asked}).post("/users/auth/register", NEW)
    assert answer.status_code == 201, answer.content
    assert set(answer.json()) == {"id", "username", "email", "role", "phone", "is_verified"}
    assert language_of("nora") == language


def test_the_language_of_the_last_sign_in_counts_where_one_was_asked_for() -> None:
    person = people.alice()
    assert sign_in("alice") == 200
    assert language_of("alice") == "en"
    assert sign_in("alice", **{"Accept-Language": "de-DE"}) == 200
    assert language_of("alice") == "de"
    assert person.history.latest().language == "de"
    for anything in ({}, {"Accept-Language": "*"}):
        assert sign_in("alice", **anything) == 200
        assert language_of("alice") == "de"
    assert sign_in("alice", **{"Accept-Language": "nl"}) == 200
    assert language_of("alice") == "en"


def test_problems_stay_in_english() -> None:
    person = in_german(people.alice())
    answer = api(person, **{"Accept-Language": "de"}).get("/events/999")
    assert answer.status_code == 404
    assert answer.json()["title"] == api(people.bob()).get("/events/999").json()["title"]


def test_problems_and_the_console_are_in_english_whatever_a_browser_asks_for() -> None:
    """What is there in German, Django's own texts and those for people, would be mixed into the rest."""
    german = {"Accept-Language": "de"}
    answer = api(**german).post("/users/auth/register", NEW | {"password": "password"})
    assert "This password is too common." in [error["message"] for error in answer.json()["errors"]]
    page = Client(headers=german).get("/admin/login/").content.decode()
    assert '<html lang="en"' in page
    page = console(people.admin()).post("/admin/auth/group/add/", {}, headers=german).content.decode()
    assert "This field is required." in page


def test_a_rejection_is_read_as_the_officer_saw_it_before() -> None:
    owner = in_german(people.newton())
    document = make_document(owner)
    officer = people.compliance()
    shown = message_preview(document, "rejected", reason="expired", comment="Seite 2.")
    assert shown.notification == (
        "Dein Dokument wurde abgelehnt. Dein Dokument ist abgelaufen. "
        "Bitte schicke eines, das noch gültig ist. Seite 2."
    )
    client = console(officer)
    page = client.get(f"/admin/compliance/{document.pk}/").content.decode()
    assert "Message preview, in German" in page
    assert "Your document has expired." in page, "the reason, as the officer reads it"
    review_document(officer, document.pk, verdict="rejected", reason="expired", comment="Seite 2.")
    run_jobs(later=UNDO_WINDOW)
    assert last_notification(owner) == shown.notification
    [message] = mail.outbox
    assert (message.subject, message.body) == (shown.subject, shown.body)
    assert "Hallo newton," in message.body
    assert "Du kannst jederzeit ein anderes einreichen." in message.body
    [listed] = api(owner).get("/users/verify").json()["results"]
    assert (listed["reason"], listed["comment"]) == ("expired", "Seite 2.")
    review_document(officer, make_document(owner).pk, verdict="rejected", reason="unreadable")
    assert api(owner).get("/users/verify").json()["results"][0]["comment"].startswith("Wir konnten dein Dokument")


def test_a_new_password_is_asked_for_in_one_s_language() -> None:
    in_german(people.alice())
    api().post("/users/auth/password_reset", {"email": "alice@example.com"})
    run_jobs()
    [message] = mail.outbox
    assert message.subject == "Dein Code für ein neues Infloo-Passwort"
    assert "Wenn du ihn nicht angefordert hast" in message.body


def test_author_and_reporters_each_read_their_own_language() -> None:
    author, german, english = in_german(people.alice()), in_german(people.bob()), people.carol()
    moderator = people.admin()
    event = make_event(author, "Rüpelfest")
    for reporter in (german, english):
        report(reporter, kind="event", target_id=event.pk, reason="harassment")
    case = Case.objects.get()
    client = console(moderator)
    client.get(f"/admin/moderation/{case.pk}/")
    said = client.get(f"/admin/moderation/{case.pk}/preview/", {"outcome": "suspended", "days": "7"}).content.decode()
    removed = "Unser Team hat deine Veranstaltung „Rüpelfest“ entfernt."
    for shown in (
        "author in German",
        "Dein Konto ist bis ",
        "reporters in German",
        "Danke für deine Meldung. Wir haben sie geprüft und etwas unternommen.",
        "Thank you for your report. We looked into it and have acted on it.",
        removed,
    ):
        assert shown in said, shown
    bulk = {"item": [case.pk], "action": "removed"}
    assert f"Message to alice, in German: {removed}" in client.post("/admin/moderation/bulk/", bulk).content.decode()
    case.refresh_from_db()
    client.post(f"/admin/moderation/{case.pk}/decide/", {"version": case.version, "outcome": "removed"})
    run_jobs(later=UNDO_WINDOW)
    assert last_notification(author) == removed
    assert last_notification(german) == "Danke für deine Meldung. Wir haben sie geprüft und etwas unternommen."
    assert last_notification(english) == "Thank you for your report. We looked into it and have acted on it."
    # The answer to an appeal, and what is taken back.
    made = appeal(author, Strike.objects.get().decision_id, text="War nett.")
    rule_on_appeal(people.make_staff("other", is_superuser=True), made.pk, overturn=True, text="Stimmt.")
    run_jobs(later=UNDO_WINDOW)
    assert last_notification(author) == (
        "Dein Einspruch war berechtigt; die Entscheidung über deine Veranstaltung „Rüpelfest“ ist aufgehoben. Stimmt."
    )
    assert last_notification(german).endswith("keinen Verstoß gegen unsere Regeln gefunden.")


def test_removal_notices_use_the_language_of_the_owner() -> None:
    author, moderator = in_german(people.alice()), people.community()
    story = make_story(author)
    remove_story(moderator, story.pk)
    run_jobs(later=UNDO_WINDOW)
    assert last_notification(author) == "Unser Team hat deine Story entfernt."
    undo(moderator, Decision.objects.get().pk)
    assert last_notification(author) == "Unser Team hat deine Story wiederhergestellt."
