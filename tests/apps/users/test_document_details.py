"""What officers type of a document, how it compares with its account, and where else the same was used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import Any

import pytest
import time_machine

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.errors import Conflict, DomainError, Invalid, Refused
from apps.review.claims import claim
from apps.users.models import Document, DocumentDetails, DocumentKey, Profile, Reason, User
from apps.users.verification.details import compare_details, record_details
from apps.users.verification.matching import plain_name, same_name, update_keys
from apps.users.verification.review import review_document
from tests import people
from tests.factories import make_document
from tests.people import officers
from tests.races import at_once, lost, won

pytestmark = pytest.mark.django_db

TODAY = "2026-11-27T12:00Z"
SAID = {"name": "Maya Lund", "born": "1994-05-17", "number": "X4T 28-K91", "valid_until": "2031-05-16"}


def maya(**given: Any) -> Document:
    return make_document(people.make_user("maya", verified=False), **{"legal_name": "Maya Lund"} | given)


def details(officer: User, document: Document, **said: Any) -> DocumentDetails:
    return record_details(officer, document.pk, version=said.pop("version", 0), **said)


@contextmanager
def refused(kind: type[DomainError], code: str) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    with pytest.raises(kind) as refusal:
        yield refusal
    assert refusal.value.code == code


def outcomes(viewer: User, document: Document) -> dict[str, str]:
    fresh = Document.objects.select_related("owner__profile", "details").get(pk=document.pk)
    return {line.field: line.outcome.code for line in compare_details(viewer, fresh).lines if line.outcome}


def reasons(viewer: User, document: Document) -> list[Reason]:
    return compare_details(viewer, Document.objects.get(pk=document.pk)).reasons


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Maya Lund", "LUND MAYA"),
        ("Zoë Müller-Lüdenscheidt", "muller ludenscheidt, Zoe"),
        ("Søren Kjærgård", "SOREN KJAERGARD"),
        ("Siobhán O’Brien", "OBRIEN SIOBHAN"),
        ("İpek Işık", "IPEK ISIK"),
        ("Nguyễn Thị Ánh", "NGUYEN THI ANH"),
        ("Élodie", "E\u0301lodie"),
        ("Ｍａｙａ Lund", "Maya Lund"),
    ],
)
def test_spellings_of_one_name_match(one: str, other: str) -> None:
    assert same_name(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Maya Lund", "Maya Underhill"), ("Maya Lund", "Maya"), ("", ""), ("–", "!"), ("राम", "रमा"), ("Maya", "Maja")],
)
def test_other_names_differ(one: str, other: str) -> None:
    assert not same_name(one, other)


def test_a_plain_name_stays_as_it_is() -> None:
    assert plain_name(plain_name("Zoë O'Brien-Łuk")) == plain_name("Zoë O'Brien-Łuk") == "luk obrien zoe"


def test_details_are_kept_tidied_and_recorded_without_their_values() -> None:
    officer, document = people.compliance(), maya()
    kept = details(officer, document, **SAID | {"name": " Maya  Lund\u200b "}, checks=["untampered", "corners"])
    kept.refresh_from_db()
    assert (kept.name, kept.number) == ("Maya  Lund", "X4T 28-K91")
    assert (kept.born, kept.valid_until) == (date(1994, 5, 17), date(2031, 5, 16))
    assert kept.checks == ["corners", "untampered"]
    assert (kept.typed_by, kept.version) == (officer, 1)
    entry = Entry.objects.get(verb=Action.DETAILS_RECORDED)
    assert (entry.actor, entry.subject, entry.target_id) == (officer, document.owner, str(document.pk))
    assert (entry.reason, entry.detail) == ("", {})
    document.refresh_from_db()
    assert document.version == 1, "a decision form that is open stays good"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": "Ma\x00ya"}, "name"),
        ({"name": "m" * 151}, "name"),
        ({"name": "Maya\u202edruL"}, "name"),
        ({"number": "1\x002"}, "number"),
        ({"number": "1" * 65}, "number"),
        ({"born": "17.05.1994"}, "born"),
        ({"born": "\x00"}, "born"),
        ({"born": "9999-12-31"}, "born"),
        ({"born": "1899-12-31"}, "born"),
        ({"valid_until": "0001-01-01"}, "valid_until"),
        ({"valid_until": "2026-02-30"}, "valid_until"),
        ({"checks": ["all_pages"]}, "checks"),
        ({"checks": ["odd\x00"]}, "checks"),
        ({}, "name"),
    ],
)
def test_invalid_details_are_rejected(said: dict[str, Any], field: str) -> None:
    officer, document = people.compliance(), maya()
    with pytest.raises(Invalid) as refusal:
        details(officer, document, **said)
    assert refusal.value.field == field
    assert not DocumentDetails.objects.exists()
    assert not Entry.objects.filter(verb=Action.DETAILS_RECORDED).exists()


def test_a_date_of_birth_is_kept_of_identity_documents_alone() -> None:
    officer = people.compliance()
    document = maya(doc_type="business")
    assert details(officer, document, **SAID, checks=["issued"]).born is None


def test_saving_on_an_older_version_overwrites_nothing() -> None:
    (vera, omar), document = officers(), maya()
    details(vera, document, number="X1")
    with refused(Conflict, "changed-since") as refusal:
        details(omar, document, number="X2")
    assert str(refusal.value).startswith("vera saved details meanwhile")
    assert DocumentDetails.objects.get().number == "X1"
    details(omar, document, number="X2", version=1)
    assert (DocumentDetails.objects.get().number, DocumentDetails.objects.get().version) == ("X2", 2)


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_two_concurrent_saves_of_details_is_refused() -> None:
    (vera, omar), document = officers(), maya()
    results = at_once([partial(details, vera, document, number="X1"), partial(details, omar, document, number="X2")])
    assert len(won(results)) == 1
    assert lost(results) == {(Conflict, "changed-since")}
    assert DocumentDetails.objects.get().number == won(results)[0].number


def test_details_are_recorded_by_permitted_claim_holders() -> None:
    (vera, omar), document = officers(), maya()
    claim(omar, Document, document.pk)
    with refused(Conflict, "claimed"):
        details(vera, document, number="X1")
    with refused(Refused, "permission-missing"):
        details(people.support(), document, number="X1")
    details(omar, document, number="X1")
    review_document(omar, document.pk, verdict="approved")
    with refused(Conflict, "already-decided"):
        details(omar, document, number="X2", version=1)
    with refused(Refused, "own-document"):
        details(people.admin(), make_document(User.objects.get(username="admin")), number="X1")


@pytest.mark.parametrize(
    ("said", "shown", "suggested"),
    [
        ({"name": "LUND, Maya"}, {"name": "match"}, []),
        ({"name": "Maya Underhill"}, {"name": "differs"}, [Reason.NAME_DIFFERS]),
        ({"born": "2008-11-27"}, {"born": "adult"}, []),
        ({"born": "2008-11-28"}, {"born": "minor"}, [Reason.NOT_ELIGIBLE]),
        ({"born": "2008-02-29"}, {"born": "adult"}, []),
        ({"valid_until": "2026-11-26"}, {"valid_until": "expired"}, [Reason.EXPIRED]),
        ({"valid_until": "2026-11-27"}, {"valid_until": "expires_soon"}, []),
        ({"valid_until": "2026-12-09"}, {"valid_until": "expires_soon"}, []),
        ({"valid_until": "2027-12-09"}, {"valid_until": "valid"}, []),
        ({"number": "X1"}, {}, []),
    ],
)
def test_details_are_compared_with_the_account(
    said: dict[str, Any], shown: dict[str, str], suggested: list[Reason]
) -> None:
    officer, document = people.compliance(), maya()
    with time_machine.travel(TODAY, tick=False):
        details(officer, document, **said)
        assert outcomes(officer, document) == shown
        assert reasons(officer, document) == suggested


def test_users_born_on_29_february_are_of_age_on_1_march() -> None:
    officer, document = people.compliance(), maya()
    details(officer, document, born="2008-02-29")
    for day, age in (("2026-02-28", "minor"), ("2026-03-01", "adult")):
        with time_machine.travel(f"{day}T12:00:00Z", tick=False):
            assert outcomes(officer, document) == {"born": age}


def test_without_a_legal_name_a_company_is_compared_with_its_profile() -> None:
    officer, document = people.compliance(), maya(doc_type="business", legal_name="")
    Profile.objects.filter(user=document.owner).update(company_name="Tidewater Shoes")
    details(officer, document, name="Harbour Boots Ltd")
    assert outcomes(officer, document) == {"name": "not_given", "": "differs"}
    assert reasons(officer, document) == [Reason.NAME_DIFFERS]


def test_the_same_number_is_found_on_other_accounts_however_it_is_written() -> None:
    officer, document = people.compliance(), maya()
    other = make_document(people.alice())
    own = make_document(document.owner, status="rejected", decided_at=document.created_at)
    register = make_document(people.bob(), doc_type="business")
    for each, number in ((document, "X4T 28-K91"), (other, "x4t28k91"), (register, "X4T28K91")):
        details(officer, each, number=number)
    update_keys(own)
    found = compare_details(officer, Document.objects.get(pk=document.pk)).matches
    assert [one.pk for one in found.number.shown] == [other.pk]
    assert not found.name
    assert reasons(officer, document) == [Reason.ALREADY_USED]
    details(officer, other, number="X5", version=1)
    assert not compare_details(officer, Document.objects.get(pk=document.pk)).matches.number


def test_the_same_name_is_found_given_or_on_the_document() -> None:
    officer, document = people.compliance(), maya()
    given = make_document(people.alice(), legal_name="Lund, Maya")
    update_keys(given)
    read = make_document(people.bob(), legal_name="Bob Stone")
    details(officer, read, name="MAYA LUND")
    found = compare_details(officer, Document.objects.get(pk=document.pk)).matches
    assert [one.pk for one in found.name.shown] == [read.pk, given.pk]
    assert reasons(officer, document) == [], "people may share a name"


def test_many_with_the_same_name_do_not_hide_the_one_with_the_same_number() -> None:
    officer, document = people.compliance(), maya()
    details(officer, document, **SAID)
    first = make_document(people.alice())
    details(officer, first, number="X4T28K91")
    for place in range(25):
        update_keys(make_document(people.make_user(f"namesake{place}"), legal_name="Maya Lund"))
    found = compare_details(officer, Document.objects.get(pk=document.pk)).matches
    assert [one.pk for one in found.number.shown] == [first.pk]
    assert len(found.name.shown) == 20


def test_keys_made_under_an_earlier_secret_are_found(settings: Any) -> None:
    officer, document = people.compliance(), maya()
    other = make_document(people.alice())
    details(officer, other, number="X4T28K91")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [settings.SECRET_KEY]
    details(officer, document, number="X4T28K91")
    assert compare_details(officer, Document.objects.get(pk=document.pk)).matches.number.shown == [other]


def test_keys_and_details_hold_nothing_to_read_and_go_with_the_document() -> None:
    officer, document = people.compliance(), maya()
    details(officer, document, **SAID)
    keys = list(DocumentKey.objects.values_list("key", flat=True))
    assert len(keys) == 2, "one for both spellings of the name, one for the number"
    assert not any(word in key for key in keys for word in ("maya", "lund", "x4t28k91"))
    document.delete()
    assert not DocumentKey.objects.exists()
    assert not DocumentDetails.objects.exists()
