"""Claiming, handing over, taking over, snoozing and passing up; notes, reveals, filters and preferences."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.errors import Absent, Conflict, DomainError, Invalid, Refused
from apps.review import claims
from apps.review.models import Note, SavedFilter
from apps.review.notes import add_note
from apps.review.preferences import prefer, preference_of
from apps.review.saved_filters import delete_filter, save_filter, saved_filters
from apps.users.models import Document, User
from apps.users.verification.upload import send_document
from tests.drawn import png, upload
from tests.people import alice, community, make_staff, newton
from tests.races import at_once, lost, won

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(db: None) -> Document:
    return send_document(newton(), upload(png()), doc_type="identity")


@pytest.fixture
def vera(db: None) -> User:
    return make_staff("vera", "Compliance Officer")


@pytest.fixture
def omar(db: None) -> User:
    return make_staff("omar", "Compliance Officer")


def test_a_claim_is_one_persons(document: Document, vera: User, omar: User) -> None:
    assert claims.claim(vera, Document, document.pk).claim_holder() == vera
    with pytest.raises(Conflict, match="vera"):
        claims.claim(omar, Document, document.pk)
    with pytest.raises(Refused):
        claims.claim(community(), Document, document.pk)
    with pytest.raises(Absent):
        claims.claim(vera, Document, 0)


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_twenty_claims_succeeds(document: Document) -> None:
    officers = [make_staff(f"officer{number}", "Compliance Officer") for number in range(20)]
    results = at_once([partial(claims.claim, officer, Document, document.pk) for officer in officers])
    assert len(won(results)) == 1
    assert lost(results) == {(Conflict, "claimed")}
    assert Entry.objects.filter(verb=Action.CLAIMED).count() == 1


def test_renewing_is_no_second_claim(document: Document, vera: User) -> None:
    claims.claim(vera, Document, document.pk)
    with time_machine.travel(timezone.now() + timedelta(minutes=14)):
        claims.claim(vera, Document, document.pk)
    with time_machine.travel(timezone.now() + timedelta(minutes=28)):
        assert Document.objects.get().claim_holder() == vera
    assert Entry.objects.filter(verb=Action.CLAIMED).count() == 1


def test_taking_over_needs_a_reason_that_is_kept(document: Document, vera: User, omar: User) -> None:
    claims.claim(vera, Document, document.pk)
    with pytest.raises(Invalid):
        claims.take_over(omar, Document, document.pk, reason=" ")
    claims.take_over(omar, Document, document.pk, reason="vera went home")
    assert Document.objects.get().claim_holder() == omar
    entry = Entry.objects.filter(verb=Action.CLAIMED).latest("id")
    assert (entry.actor, entry.reason, entry.detail) == (omar, "vera went home", {"taken_from": vera.pk})


def test_handing_over_goes_only_to_those_who_may(document: Document, vera: User, omar: User) -> None:
    claims.claim(vera, Document, document.pk)
    with pytest.raises(Invalid):
        claims.assign(vera, Document, document.pk, to=community())
    with pytest.raises(Conflict):
        claims.assign(omar, Document, document.pk, to=omar)
    handed = claims.assign(vera, Document, document.pk, to=omar)
    assert (handed.assigned_to, handed.claim_holder()) == (omar, None)


def test_snoozing_lies_in_the_time_to_come(document: Document, vera: User, omar: User) -> None:
    with pytest.raises(Invalid):
        claims.snooze(vera, Document, document.pk, until=timezone.now())
    tomorrow = timezone.now() + timedelta(days=1)
    assert claims.snooze(vera, Document, document.pk, until=tomorrow).snoozed_until == tomorrow
    claims.claim(omar, Document, document.pk)
    with pytest.raises(Conflict):
        claims.snooze(vera, Document, document.pk, until=tomorrow)


def test_passing_up_leaves_its_reason_as_a_note(document: Document, vera: User) -> None:
    with pytest.raises(Invalid):
        claims.escalate(vera, Document, document.pk, reason="")
    claims.escalate(vera, Document, document.pk, reason="Looks forged, not sure")
    assert Document.objects.get().escalated_at is not None
    assert Note.objects.get().text == "Looks forged, not sure"
    with pytest.raises(Conflict):
        claims.escalate(vera, Document, document.pk, reason="again")


def test_work_makes_no_version_of_the_item(document: Document, vera: User) -> None:
    versions = document.history.count()
    claims.claim(vera, Document, document.pk)
    claims.assign(vera, Document, document.pk, to=vera)
    claims.snooze(vera, Document, document.pk, until=timezone.now() + timedelta(hours=1))
    claims.release(vera, Document, document.pk)
    assert document.history.count() == versions


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
def test_a_note_says_something_and_not_too_much(document: Document, vera: User, text: str) -> None:
    with pytest.raises(Invalid):
        add_note(vera, document, text=text)


def test_notes_are_for_those_who_see_the_item(document: Document, vera: User) -> None:
    assert add_note(vera, document, text=" Called the bank. ").text == "Called the bank."
    for stranger in (community(), alice()):
        with pytest.raises(Refused):
            add_note(stranger, document, text="Hello")


def test_filters_are_ones_own_unless_shared(vera: User, omar: User) -> None:
    mine = save_filter(vera, place="documents", name="Overdue", query="status=pending")
    save_filter(vera, place="documents", name="Overdue", query="status=pending&o=1")
    assert SavedFilter.objects.get().query == "status=pending&o=1"
    assert saved_filters(omar, "documents") == []
    save_filter(vera, place="documents", name="Overdue", query="status=pending", shared=True)
    assert saved_filters(omar, "documents") == [mine]
    with pytest.raises(Refused):
        delete_filter(omar, mine.pk)
    delete_filter(vera, mine.pk)
    with pytest.raises(Absent):
        delete_filter(vera, mine.pk)


@pytest.mark.parametrize("choice", [{"time_zone": "Mars/Olympus"}, {"away_until": timezone.now() - timedelta(days=1)}])
def test_a_preference_that_cannot_be_is_refused(vera: User, choice: dict[str, object]) -> None:
    with pytest.raises(DomainError):
        prefer(vera, **choice)


def test_preferences_are_kept(vera: User) -> None:
    assert preference_of(vera).blur_pictures
    prefer(vera, blur_pictures=False, time_zone="Europe/Berlin")
    kept = preference_of(vera)
    assert (kept.blur_pictures, kept.time_zone, kept.is_away) == (False, "Europe/Berlin", False)
