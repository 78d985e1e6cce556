"""Documents that two people approve."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.audit.models import Entry
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.notifications.models import Notification
from apps.review.claims import claim
from apps.review.decisions.models import Decision
from apps.review.decisions.services import undo
from apps.review.models import Note
from apps.users.models import Document, Follow, ReviewRule, Role, User
from apps.users.staff.accounts import add_staff, set_staff_password
from apps.users.verification.four_eyes import ask_second, needs_second, save_rule
from apps.users.verification.review import override_decision, review_document
from apps.users.verification.upload import send_document
from tests import people
from tests.client import api
from tests.console import console, fields
from tests.drawn import png, upload
from tests.jobs import forget, run_jobs
from tests.people import officers
from tests.races import at_once, lost, won
from tests.refusals import refused

pytestmark = pytest.mark.django_db


def brand() -> User:
    return people.make_user("acme", verified=False, role=Role.BRAND)


def send(owner: User, doc_type: str = "business") -> Document:
    document = send_document(owner, upload(png()), doc_type=doc_type)
    forget("users.inspect_document")
    return document


def rule(**given: Any) -> ReviewRule:
    return ReviewRule.objects.create(**given)


def test_no_rule_no_second_pair_of_eyes() -> None:
    assert review_document(people.compliance(), send(brand()).pk, verdict="approved").status == "approved"


def test_the_first_approval_is_pending_until_another_officer_confirms_it() -> None:
    rule(doc_type="business", role="brand")
    owner, (vera, omar) = brand(), officers()
    document = review_document(vera, send(owner).pk, verdict="approved", comment="Looks right to me")
    assert (document.status, document.first_approved_by, document.version) == ("pending", vera, 2)
    assert not User.objects.get(pk=owner.pk).identity_verified
    assert api(owner).get("/users/verify").json()["results"][0]["status"] == "pending"
    assert api(owner).get("/users/verify").json()["results"][0]["comment"] == ""
    assert Note.objects.get().text == "Looks right to me"
    run_jobs(later=timedelta(seconds=10))
    assert not Notification.objects.exists()
    assert not mail.outbox

    refused(Refused, "own-approval", lambda: review_document(vera, document.pk, verdict="approved"))
    refused(Refused, "own-approval", lambda: review_document(vera, document.pk, verdict="rejected"))
    refused(Refused, "own-approval", lambda: claim(vera, Document, document.pk))
    confirmed = review_document(omar, document.pk, verdict="approved", version=2)
    assert (confirmed.status, confirmed.first_approved_by, confirmed.decided_by) == ("approved", vera, omar)
    assert User.objects.get(pk=owner.pk).identity_verified
    assert list(Decision.objects.order_by("id").values_list("verb", flat=True)) == [
        "document.held", "document.approved",
    ]  # fmt: skip


def test_the_second_may_reject_what_the_first_approved() -> None:
    rule()
    vera, omar = officers()
    document = review_document(vera, send(brand()).pk, verdict="approved")
    assert review_document(omar, document.pk, verdict="rejected", reason="forged").status == "rejected"


def test_a_rejection_needs_no_second() -> None:
    rule()
    assert review_document(people.compliance(), send(brand()).pk, verdict="rejected").status == "rejected"


def test_the_database_refuses_one_person_twice_and_one_alone() -> None:
    rule()
    vera, _omar = officers()
    document = review_document(vera, send(brand()).pk, verdict="approved")
    rows = Document.objects.filter(pk=document.pk)
    approved = {"status": "approved", "decided_at": document.first_approved_at}
    for change in (
        approved | {"decided_by": vera},
        approved | {"first_approved_by": None, "first_approved_at": None},
        {"first_approved_by": document.owner},
        {"first_approved_at": None},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**change)


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_twenty_approvals_is_first_and_one_confirms() -> None:
    rule()
    document = send(brand())
    staff = [people.make_staff(f"officer{number}", "Compliance Officer") for number in range(10)]
    results = at_once([partial(review_document, officer, document.pk, verdict="approved") for officer in staff * 2])
    document.refresh_from_db()
    assert document.status == "approved"
    assert document.first_approved_by != document.decided_by
    assert len(won(results)) == 2
    assert lost(results) <= {(Conflict, "already-decided"), (Refused, "own-approval")}


@pytest.mark.parametrize(
    ("given", "asks"),
    [
        ({}, True),
        ({"doc_type": "business"}, True),
        ({"doc_type": "identity"}, False),
        ({"role": "brand"}, True),
        ({"role": "influencer"}, False),
        ({"after_rejection": True}, False),
        ({"followers_from": 2}, False),
        ({"followers_from": 1}, True),
        ({"active": False}, False),
    ],
)
def test_review_rules_ask_for_a_second_approval(given: dict[str, Any], asks: bool) -> None:
    owner = brand()
    save_as(None, Follow(follower=people.alice(), followed=owner), action=Action.FOLLOWED)
    rule(**given)
    assert needs_second(send(owner)) == asks


def test_an_earlier_rejection_asks_for_a_second_where_the_rule_says_so() -> None:
    rule(doc_type="business", role="brand", after_rejection=True)
    owner, officer = brand(), people.compliance()
    review_document(officer, send(owner, "identity").pk, verdict="rejected", reason="expired")
    assert review_document(officer, send(owner).pk, verdict="approved").awaits_second


def test_an_approval_after_all_is_pending_too() -> None:
    vera, omar = officers()
    document = send(brand())
    review_document(vera, document.pk, verdict="rejected", reason="expired")
    rule()
    pending = override_decision(vera, document.pk, verdict="approved", why="misread")
    assert (pending.status, pending.first_approved_by, pending.decided_by) == ("pending", vera, None)
    assert review_document(omar, document.pk, verdict="approved").status == "approved"
    undo(omar, Decision.objects.latest("id").pk)
    undo(vera, Decision.objects.get(verb="document.held").pk)
    document.refresh_from_db()
    assert (document.status, document.reason, document.decided_by) == ("rejected", "expired", vera)


def test_undoing_a_first_approval_opens_the_document_again() -> None:
    rule()
    vera, _omar = officers()
    document = review_document(vera, send(brand()).pk, verdict="approved")
    undo(vera, Decision.objects.get().pk)
    document.refresh_from_db()
    assert (document.first_approved_by, document.first_approved_at, document.needs_second) == (None, None, False)
    assert review_document(vera, document.pk, verdict="rejected").status == "rejected"


def test_a_person_asks_for_a_second_pair_of_eyes_on_one_document() -> None:
    vera, omar = officers()
    document = send(brand())
    refused(Invalid, "required", lambda: ask_second(vera, document.pk, reason=" "))
    refused(Refused, "permission-missing", lambda: ask_second(people.community(), document.pk, reason="odd stamp"))
    refused(Absent, "not-found", lambda: ask_second(vera, 0, reason="odd stamp"))
    claim(omar, Document, document.pk)
    refused(Conflict, "claimed", lambda: ask_second(vera, document.pk, reason="odd stamp"))
    ask_second(omar, document.pk, reason="odd stamp")
    refused(Conflict, "not-open", lambda: ask_second(omar, document.pk, reason="odd stamp"))
    assert Note.objects.get().text == "odd stamp"
    undo(omar, Decision.objects.get().pk)
    ask_second(omar, document.pk, reason="odd stamp after all")
    assert review_document(omar, document.pk, verdict="approved").awaits_second


def test_rules_are_kept_by_those_who_may_and_remembered() -> None:
    boss = people.admin()
    refused(Refused, "permission-missing", lambda: save_rule(people.compliance(), None, doc_type="business"))
    made = save_rule(boss, None, doc_type="business", role="brand", after_rejection=True)
    assert str(made) == "Business documents of brands that were rejected before"
    save_rule(boss, made.pk, active=False)
    assert [version.active for version in made.history.all()] == [False, True]
    for wrong in ({"doc_type": "poem"}, {"role": "staff"}, {"followers_from": 0}, {"followers_from": 10_000_000}):
        with pytest.raises(Invalid):
            save_rule(boss, None, **wrong)
    refused(Absent, "not-found", lambda: save_rule(boss, 0, active=True))


def test_the_plain_form_says_what_happened_and_shows_it_to_the_next() -> None:
    rule()
    (vera, omar), owner = officers(), brand()
    document = send(owner)
    page = f"/admin/users/document/{document.pk}/change/"
    form = {"status": "approved", "reason": "", "comment": "", "seen_version": 1}
    assert "Needs two approvals" in console(vera).get(page).content.decode()
    answer = console(vera).post(page, form, follow=True)
    [message] = answer.context["messages"]
    assert "A second officer confirms it before acme is verified" in str(message)
    again = console(vera).get(page)
    assert "You recorded the first approval." in again.content.decode()
    assert "status" not in fields(again)
    assert console(vera).post(page, form | {"seen_version": 2}).status_code == 403
    assert "vera recorded the first approval." in console(omar).get(page).content.decode()
    answer = console(omar).post(page, form | {"seen_version": 2}, follow=True)
    assert "acme is verified" in str(next(iter(answer.context["messages"])))


# --- Possibly one person behind two approvals ----------------------------------------------------------------


def alerted(manager: User) -> list[tuple[str, str]]:
    forget("decisions.tell_people")
    run_jobs()
    mailed = [
        message
        for message in mail.outbox
        if message.to == [manager.email] and message.subject == "Two pairs of eyes may be one"
    ]
    entries = Entry.objects.filter(verb=Action.ALERTED)
    assert len(mailed) == len(entries)
    return [(entry.details.get("made") or entry.details["by"], entry.target_type) for entry in entries.order_by("id")]


def test_access_managers_are_alerted_where_one_made_the_account_of_the_other() -> None:
    boss, manager, owner = people.admin(), people.access(), people.newton()
    officers = [Group.objects.get(name="Compliance Officer")]
    password = "a-long-enough-one"
    puppet = add_staff(boss, username="puppet", email="p@staff.example.com", password=password, groups=officers)
    ReviewRule.objects.create()
    document = send(owner)
    review_document(puppet, document.pk, verdict="approved")
    assert alerted(manager) == []
    review_document(boss, document.pk, verdict="approved")
    assert User.objects.get(pk=owner.pk).identity_verified, "the decision stands"
    assert alerted(manager) == [("puppet", "users.document")]
    assert "Possibly one person behind two approvals" in console(manager).get("/admin/access/").content.decode()


@pytest.mark.parametrize(("days", "expected"), [(6.9, 1), (7.1, 0)])
def test_a_password_that_the_other_set_counts_for_a_week(days: float, expected: int) -> None:
    boss, manager = people.admin(), people.access()
    vera, omar = (people.make_staff(name, "Compliance Officer") for name in ("vera", "omar"))
    ReviewRule.objects.create()
    document = send(people.newton())
    with time_machine.travel(timezone.now() - timedelta(days=days), tick=False):
        set_staff_password(boss, vera.pk, "a-long-enough-one")
    review_document(vera, document.pk, verdict="approved")
    review_document(boss, document.pk, verdict="approved")
    assert len(alerted(manager)) == expected
    other = send(people.alice())
    review_document(vera, other.pk, verdict="approved")
    review_document(omar, other.pk, verdict="approved")
    assert len(alerted(manager)) == expected, "no manager is alerted of others"


@pytest.mark.parametrize(("days", "expected"), [(6.9, 1), (7.1, 0)])
def test_access_managers_are_alerted_where_a_third_person_may_sign_in_as_both(days: float, expected: int) -> None:
    maker, manager = people.admin(), people.access()
    groups, password = [Group.objects.get(name="Compliance Officer")], "a-long-enough-one"
    with time_machine.travel(timezone.now() - timedelta(days=days), tick=False):
        one = add_staff(maker, username="one", email="one@staff.example.com", password=password, groups=groups)
    two, other = (people.make_staff(name, "Compliance Officer") for name in ("two", "other"))
    set_staff_password(maker, two.pk, password)
    ReviewRule.objects.create()
    document = send(people.newton())
    for officer in (one, two):
        review_document(officer, document.pk, verdict="approved")
    assert alerted(manager) == [("admin", "users.document")] * expected
    page = console(manager).get("/admin/access/").content.decode()
    assert ("admin created both accounts" in page) == bool(expected)
    if expected:
        [message] = [message for message in mail.outbox if message.to == [manager.email]]
        assert "admin made the accounts of both" in message.body
        assert not [message for message in mail.outbox if message.to == [maker.email]], "not who did it"
    unrelated = send(people.alice())
    for officer in (two, other):
        review_document(officer, unrelated.pk, verdict="approved")
    assert len(alerted(manager)) == expected


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
@pytest.mark.parametrize("had", [True, False])
def test_the_badge_follows_from_active_decisions_in_any_order(had: bool, order: tuple[int, int]) -> None:
    vera, owner = people.make_staff("vera", "Compliance Officer"), people.make_user("acme", verified=had)
    decisions = []
    for doc_type in ("identity", "business"):
        review_document(vera, send(owner, doc_type).pk, verdict="approved")
        decisions.append(Decision.objects.latest("pk"))
    for place, number in enumerate(order):
        undo(vera, decisions[number].pk)
        owner.refresh_from_db()
        assert owner.identity_verified == (had or place == 0)
