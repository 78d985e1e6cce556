"""Claiming, viewing and deciding documents."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.errors import Absent, Conflict, DomainError, Invalid, Refused
from apps.notifications.models import Kind, Notification
from apps.review.claims import claim, release
from apps.review.decisions.models import Decision
from apps.review.decisions.services import send_messages, undo, undo_batch
from apps.users.models import Document, Reason, User
from apps.users.verification.messages import message_preview
from apps.users.verification.review import override_decision, review_document
from apps.users.verification.upload import send_document
from apps.users.verification.viewing import record_view
from tests.drawn import png, upload
from tests.jobs import forget, run_jobs, waiting
from tests.people import admin, alice, community, compliance, make_staff, newton
from tests.races import at_once, lost, won
from tests.refusals import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(db: None) -> Document:
    document = send_document(newton(), upload(png()), doc_type="identity")
    forget("users.inspect_document")
    return document


# --- Deciding -------------------------------------------------------------------------------------------------------


def test_approval_gives_the_badge_and_both_are_remembered(document: Document) -> None:
    officer = compliance()
    decided = review_document(officer, document.pk, verdict="approved", comment="Welcome!")
    assert decided.status == "approved"
    assert (decided.decided_by, decided.version) == (officer, 2)
    owner = User.objects.get(username="newton")
    assert owner.identity_verified
    assert document.history.first().history_user == officer
    assert document.history.first().action == "document.approved"
    assert owner.history.first().history_user == officer


def test_rejection_leaves_the_badge_unchanged(document: Document) -> None:
    User.objects.filter(username="newton").update(identity_verified=True)
    review_document(compliance(), document.pk, verdict="rejected")
    assert User.objects.get(username="newton").identity_verified


def test_review_and_claims_need_the_permission(document: Document) -> None:
    for person in (community(), alice(), User.objects.get(username="newton")):
        for action in (
            partial(review_document, verdict="approved"),
            lambda actor, pk: claim(actor, Document, pk),
            lambda actor, pk: release(actor, Document, pk),
        ):
            refused(Refused, "permission-missing", partial(action, person, document.pk))
    assert Document.objects.get().status == "pending"


def test_deciding_the_own_document_is_refused(document: Document) -> None:
    boss = admin()
    Document.objects.filter(pk=document.pk).update(owner=boss)
    refused(Refused, "own-document", lambda: review_document(boss, document.pk, verdict="approved"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Document.objects.filter(pk=document.pk).update(decided_by=boss)


def test_absent_documents_are_not_found() -> None:
    officer = compliance()
    refused(Absent, "not-found", lambda: review_document(officer, 1, verdict="approved"))
    refused(Absent, "not-found", lambda: claim(officer, Document, 1))
    refused(Absent, "not-found", lambda: record_view(officer, 1))


@pytest.mark.parametrize(
    ("decision", "field"),
    [
        ({"verdict": "pending"}, "status"),
        ({"verdict": "nonsense"}, "status"),
        ({"verdict": "rejected", "reason": "nonsense"}, "reason"),
        ({"verdict": "approved", "reason": "forged"}, "reason"),
    ],
)
def test_a_decision_that_is_none(document: Document, decision: dict[str, Any], field: str) -> None:
    error = refused(Invalid, "invalid", lambda: review_document(compliance(), document.pk, **decision))
    assert error.field == field


def test_a_second_decision_hears_of_the_first(document: Document) -> None:
    review_document(make_staff("vera", "Compliance Officer"), document.pk, verdict="rejected")
    error = refused(Conflict, "already-decided", lambda: review_document(compliance(), document.pk, verdict="approved"))
    assert "Rejected by vera at" in str(error)
    assert not User.objects.get(username="newton").identity_verified


def test_a_decision_on_an_older_version_is_refused(document: Document) -> None:
    officer = compliance()
    Document.objects.filter(pk=document.pk).update(version=2)
    refused(
        Conflict,
        "already-decided",
        lambda: review_document(officer, document.pk, verdict="approved", version=1),
    )
    assert review_document(officer, document.pk, verdict="approved", version=2).version == 3


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_twenty_document_decisions_counts(document: Document) -> None:
    officers = [make_staff(f"officer{number}", "Compliance Officer") for number in range(20)]

    verdicts = ["approved" if number % 2 else "rejected" for number in range(20)]
    results = at_once(
        [
            partial(review_document, officer, document.pk, verdict=verdict)
            for officer, verdict in zip(officers, verdicts, strict=True)
        ]
    )
    [decided] = won(results)
    assert lost(results) == {(Conflict, "already-decided")}
    verdict = decided.status
    assert Document.objects.get().status == verdict
    assert User.objects.get(username="newton").identity_verified == (verdict == "approved")
    assert len(waiting("decisions.tell_people")) == 1


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_twenty_submitted_documents_is_accepted() -> None:
    owner = newton()

    results = at_once([lambda: send_document(owner, upload(png()), doc_type="identity")] * 20)
    assert len(won(results)) == 1
    assert lost(results) == {(Conflict, "already-pending")}
    assert Document.objects.count() == 1


# --- Claiming -------------------------------------------------------------------------------------------------------


def test_a_claim_lasts_for_fifteen_minutes(document: Document) -> None:
    vera, omar = make_staff("vera", "Compliance Officer"), make_staff("omar", "Compliance Officer")
    claimed = claim(vera, Document, document.pk)
    assert claimed.claim_holder() == vera
    for action in (
        lambda: claim(omar, Document, document.pk),
        lambda: release(omar, Document, document.pk),
        lambda: review_document(omar, document.pk, verdict="approved"),
    ):
        assert "vera" in str(refused(Conflict, "claimed", action))
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1)):
        assert claim(omar, Document, document.pk).claim_holder() == omar
        refused(Conflict, "claimed", lambda: review_document(vera, document.pk, verdict="approved"))


def test_claimed_documents_are_decided_or_released_by_their_claim_holder(document: Document) -> None:
    vera, omar = make_staff("vera", "Compliance Officer"), make_staff("omar", "Compliance Officer")
    claim(vera, Document, document.pk)
    claim(vera, Document, document.pk)
    assert release(vera, Document, document.pk).claim_holder() is None
    claim(omar, Document, document.pk)
    assert review_document(omar, document.pk, verdict="approved").claimed_by is None
    assert list(Entry.objects.order_by("id").values_list("verb", flat=True)) == ["claimed", "released", "claimed"]


def test_claims_leave_no_version_of_the_document(document: Document) -> None:
    versions = document.history.count()
    officer = compliance()
    claim(officer, Document, document.pk)
    release(officer, Document, document.pk)
    assert document.history.count() == versions


def test_decided_documents_cannot_be_claimed(document: Document) -> None:
    officer = compliance()
    review_document(officer, document.pk, verdict="approved")
    refused(Conflict, "already-decided", lambda: claim(officer, Document, document.pk))


def test_looking_at_a_document_is_written_down(document: Document) -> None:
    officer = compliance()
    entry = record_view(officer, document.pk, reason="review")
    assert (entry.actor, entry.verb, entry.target_type, entry.target_id) == (
        officer,
        Action.VIEWED,
        "users.document",
        str(document.pk),
    )
    refused(Refused, "permission-missing", lambda: record_view(community(), document.pk))


# --- Notifying the owner --------------------------------------------------------------------------------------------


def test_the_owner_hears_of_it_after_ten_seconds(document: Document) -> None:
    review_document(compliance(), document.pk, verdict="rejected", reason="expired")
    assert run_jobs(later=timedelta(seconds=9)) == 0
    assert not Notification.objects.exists()
    assert run_jobs(later=timedelta(seconds=10)) == 2
    notification = Notification.objects.get()
    assert (notification.recipient, notification.kind) == (document.owner, Kind.DOCUMENT_DECIDED)
    assert "rejected" in notification.text
    [message] = mail.outbox
    assert message.to == ["newton@example.com"]
    assert message.subject == "Your document was not accepted"
    assert "Your document has expired" in message.body
    assert "You may send in another one" in message.body


def test_approval_is_mailed_too(document: Document) -> None:
    review_document(compliance(), document.pk, verdict="approved", comment="Welcome & enjoy!")
    run_jobs(later=timedelta(seconds=10))
    [message] = mail.outbox
    assert message.subject == "Your Infloo account is verified"
    assert "Welcome & enjoy!" in message.body


def test_decisions_undone_in_time_notify_no_owner(document: Document) -> None:
    officer = compliance()
    review_document(officer, document.pk, verdict="approved")
    undo(officer, Decision.objects.get().pk)
    run_jobs(later=timedelta(seconds=10))
    assert not Notification.objects.exists()
    assert not mail.outbox


# --- Undoing --------------------------------------------------------------------------------------------------------


def test_undoing_an_approval_puts_document_and_badge_back(document: Document) -> None:
    vera, omar = make_staff("vera", "Compliance Officer"), make_staff("omar", "Compliance Officer")
    review_document(vera, document.pk, verdict="approved", comment="Welcome")
    undo(omar, Decision.objects.get().pk, reason="wrong person")
    document.refresh_from_db()
    assert (document.status, document.comment, document.decided_by, document.decided_at) == ("pending", "", None, None)
    assert document.version == 3
    assert not User.objects.get(username="newton").identity_verified
    newest = document.history.first()
    assert (newest.history_user, newest.sentence) == (omar, "undid the approval: wrong person")
    assert review_document(omar, document.pk, verdict="rejected").status == "rejected"


def test_undoing_takes_no_badge_that_was_there_before(document: Document) -> None:
    officer = compliance()
    User.objects.filter(username="newton").update(identity_verified=True)
    review_document(officer, document.pk, verdict="approved")
    undo(officer, Decision.objects.get().pk)
    assert User.objects.get(username="newton").identity_verified


def test_late_undo_notifies_the_owner(document: Document) -> None:
    officer = compliance()
    review_document(officer, document.pk, verdict="rejected", reason="expired")
    run_jobs(later=timedelta(seconds=10))
    undo(officer, Decision.objects.get().pk)
    run_jobs()
    assert "reversed" in Notification.objects.latest("id").text
    assert mail.outbox[-1].subject == "The decision about your document was reversed"


def test_undoing_twice_or_after_a_change_is_refused(document: Document) -> None:
    officer = compliance()
    review_document(officer, document.pk, verdict="rejected")
    decision = Decision.objects.get()
    Document.objects.filter(pk=document.pk).update(comment="changed since")
    refused(Conflict, "changed-since", lambda: undo(officer, decision.pk))
    Document.objects.filter(pk=document.pk).update(comment="")
    undo(officer, decision.pk)
    refused(Conflict, "already-undone", lambda: undo(officer, decision.pk))


def test_undo_needs_the_permission_to_review(document: Document) -> None:
    review_document(compliance(), document.pk, verdict="approved")
    moderator = community()
    refused(Refused, "permission-missing", lambda: undo(moderator, Decision.objects.get().pk))
    refused(Absent, "absent", lambda: undo(moderator, 0))


def test_a_batch_is_undone_but_for_what_has_changed_since(document: Document) -> None:
    officer, batch = compliance(), uuid4()
    other = send_document(document.owner, upload(png()), doc_type="business")
    for one in (document, other):
        review_document(officer, one.pk, verdict="approved", batch=batch)
    Document.objects.filter(pk=other.pk).update(comment="changed since")
    result = undo_batch(officer, batch)
    assert [decision.target_id for decision in result.done] == [document.pk]
    [(skipped, why)] = result.skipped
    assert skipped.target_id == other.pk
    assert "changed since" in why
    assert User.objects.get(username="newton").identity_verified, "the other approval stands"


def test_undoing_a_rejection_after_the_owner_sent_another_is_refused(document: Document) -> None:
    officer = compliance()
    review_document(officer, document.pk, verdict="rejected", reason="expired")
    send_document(document.owner, upload(png()), doc_type="identity")
    refused(Conflict, "changed-since", lambda: undo(officer, Decision.objects.get().pk))
    assert Decision.objects.get().undone_at is None


def test_undoing_the_last_of_two_approvals_removes_the_badge(document: Document) -> None:
    officer = compliance()
    other = send_document(document.owner, upload(png()), doc_type="business")
    for one in (document, other):
        review_document(officer, one.pk, verdict="approved")
    for decision, verified in zip(Decision.objects.order_by("id"), (True, False), strict=True):
        undo(officer, decision.pk)
        assert User.objects.get(username="newton").identity_verified == verified


@pytest.mark.django_db(transaction=True)
def test_undoing_and_notifying_at_once_lets_one_win(document: Document) -> None:
    officer = compliance()
    review_document(officer, document.pk, verdict="approved")
    decision = Decision.objects.get().pk
    at_once([partial(undo, officer, decision), partial(send_messages, decision)] * 5)
    sent = Notification.objects.filter(text__contains="approved").exists()
    assert sent == (Decision.objects.get().told_at is not None)
    assert Decision.objects.get().undone_at is not None
    assert Notification.objects.filter(text__contains="reversed").exists() == sent


def test_decisions_rolled_back_notify_no_owner(document: Document) -> None:
    officer = compliance()
    with transaction.atomic():
        review_document(officer, document.pk, verdict="approved")
        transaction.set_rollback(True)
    assert waiting("decisions.tell_people") == []


# --- Deciding anew --------------------------------------------------------------------------------------------------


def test_revoking_the_last_approval_takes_the_badge_away(document: Document) -> None:
    vera, omar = make_staff("vera", "Compliance Officer"), make_staff("omar", "Compliance Officer")
    review_document(vera, document.pk, verdict="approved")
    run_jobs(later=timedelta(seconds=10))
    revoked = override_decision(
        omar, document.pk, verdict="rejected", reason="forged", why="the agency says it issued no such card", version=2
    )
    assert (revoked.status, revoked.reason, revoked.decided_by) == ("rejected", "forged", omar)
    assert not User.objects.get(username="newton").identity_verified
    earlier, later = Decision.objects.order_by("id")
    assert (later.verb, later.overrides) == ("document.revoked", earlier)
    assert "issued no such card" in document.history.first().history_change_reason
    mail.outbox.clear()
    assert run_jobs(later=timedelta(seconds=9)) == 0
    run_jobs(later=timedelta(seconds=10))
    assert "withdrawn" in Notification.objects.latest("id").text
    [message] = mail.outbox
    assert message.subject == "Your verification was withdrawn"
    assert "no longer carries the badge" in message.body
    assert "could not be accepted as genuine" in message.body
    assert "issued no such card" not in message.body


def test_revoking_one_of_two_approvals_leaves_the_badge(document: Document) -> None:
    officer = compliance()
    other = send_document(document.owner, upload(png()), doc_type="business")
    for one in (document, other):
        review_document(officer, one.pk, verdict="approved")
    override_decision(officer, document.pk, verdict="rejected", reason="expired", why="date misread")
    assert User.objects.get(username="newton").identity_verified
    override_decision(officer, other.pk, verdict="rejected", reason="expired", why="date misread")
    assert not User.objects.get(username="newton").identity_verified


@pytest.mark.django_db(transaction=True)
def test_revoking_two_approvals_at_once_removes_the_badge(document: Document) -> None:
    officers = [make_staff(name, "Compliance Officer") for name in ("vera", "omar")]
    other = send_document(document.owner, upload(png()), doc_type="business")
    for one in (document, other):
        review_document(officers[0], one.pk, verdict="approved")
    at_once(
        [
            partial(override_decision, officer, one.pk, verdict="rejected", why="both were lent")
            for officer, one in zip(officers, (document, other), strict=True)
        ]
    )
    assert not User.objects.get(username="newton").identity_verified


def test_changed_decisions_are_undone_step_by_step(document: Document) -> None:
    officer = compliance()
    review_document(officer, document.pk, verdict="rejected", reason="expired", comment="In May.")
    override_decision(officer, document.pk, verdict="approved", why="I read the wrong line")
    assert User.objects.get(username="newton").identity_verified
    first, second = Decision.objects.order_by("id")
    assert second.overrides == first
    refused(Conflict, "changed-since", lambda: undo(officer, first.pk))
    undo(officer, second.pk)
    document.refresh_from_db()
    assert (document.status, document.reason, document.comment) == ("rejected", "expired", "In May.")
    assert not User.objects.get(username="newton").identity_verified
    undo(officer, first.pk)
    document.refresh_from_db()
    assert (document.status, document.decided_by) == ("pending", None)
    run_jobs(later=timedelta(seconds=10))
    assert not Notification.objects.exists()


def test_a_revocation_undone_restores_the_badge_and_says_what_is_in_force(document: Document) -> None:
    officer = compliance()
    review_document(officer, document.pk, verdict="approved", comment="Welcome")
    override_decision(officer, document.pk, verdict="rejected", reason="forged", why="agency")
    run_jobs(later=timedelta(seconds=10))
    undo(officer, Decision.objects.latest("id").pk, reason="another card")
    run_jobs()
    assert User.objects.get(username="newton").identity_verified
    assert Notification.objects.latest("id").text == "Your document has been approved. Welcome"
    assert mail.outbox[-1].subject == "Your Infloo account is verified"


@pytest.mark.parametrize(
    ("given", "kind", "code"),
    [
        ({"why": " "}, Invalid, "required"),
        ({"why": "x" * 501}, Invalid, "too-long"),
        ({"verdict": "pending"}, Invalid, "invalid"),
        ({"verdict": "approved", "reason": "forged"}, Invalid, "invalid"),
        ({"verdict": "approved"}, Conflict, "already-decided"),
        ({"version": 1}, Conflict, "already-decided"),
    ],
)
def test_changing_a_decision_needs_a_reason_and_the_current_verdict(
    document: Document, given: dict[str, Any], kind: type[DomainError], code: str
) -> None:
    officer = compliance()
    review_document(officer, document.pk, verdict="approved")
    asked = {"verdict": "rejected", "why": "agency"} | given
    refused(kind, code, lambda: override_decision(officer, document.pk, **asked))
    assert User.objects.get(username="newton").identity_verified


def test_changing_a_decision_needs_the_permission_and_a_decision(document: Document) -> None:
    officer, moderator = compliance(), community()
    action = partial(override_decision, document_id=document.pk, verdict="rejected", why="agency")
    refused(Conflict, "not-decided", lambda: action(officer))
    review_document(officer, document.pk, verdict="approved")
    refused(Refused, "permission-missing", lambda: action(moderator))
    refused(Absent, "not-found", lambda: override_decision(officer, 0, verdict="rejected", why="agency"))


# --- What will be sent ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [*Reason.values, ""])
def test_the_preview_is_what_leaves(document: Document, reason: str) -> None:
    shown = message_preview(document, "rejected", reason=reason, comment="See you & yours.")
    review_document(compliance(), document.pk, verdict="rejected", reason=reason, comment="See you & yours.")
    run_jobs(later=timedelta(seconds=10))
    assert Notification.objects.get().text == shown.notification
    assert (mail.outbox[0].subject, mail.outbox[0].body) == (shown.subject, shown.body)
    assert ("send in another" in shown.body) == (not reason or Reason(reason).may_resubmit)


def test_the_preview_of_an_approval_and_its_end_is_what_leaves(document: Document) -> None:
    officer = compliance()
    approval = message_preview(document, "approved", comment="Welcome")
    review_document(officer, document.pk, verdict="approved", comment="Welcome")
    document.refresh_from_db()
    end = message_preview(document, "revoked", reason="forged")
    override_decision(officer, document.pk, verdict="rejected", reason="forged", why="agency")
    run_jobs(later=timedelta(seconds=10))
    assert [(message.subject, message.body) for message in mail.outbox][1] == (end.subject, end.body)
    assert "no longer carries the badge" in end.body
    assert Notification.objects.order_by("id").values_list("text", flat=True)[1] == end.notification
    assert mail.outbox[0].body == approval.body
