"""Documents of users: approved ones behind each badge, rejected ones of each kind, pending ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.notifications.models import Kind
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.review.decisions.services import snapshot_of
from apps.users.models import (
    CHECKS,
    DocType,
    Document,
    DocumentDetails,
    DocumentKey,
    QualityShare,
    Reason,
    ReviewRule,
    Role,
)
from apps.users.verification.matching import keys_of
from apps.users.verification.messages import message_to_owner
from apps.users.verification.review import DECIDED_FIELDS
from demo.accounts import NEWCOMER
from demo.blind_checks import check_blind
from demo.bulk import copy_rows
from demo.document_files import Case, draw_document
from demo.scenario import Scenario, change, create

Status = Document.Status
LABEL = Document._meta.label_lower
ADDRESS = "10.20.0.14"
COMMENTS = {
    Reason.UNREADABLE: "Please lay the card flat near a window and try again.",
    Reason.NAME_DIFFERS: "Your account says another family name. Change it, or send the certificate.",
}
FLAGS = ("differs", "expired", "number")
LATELY = 15
"""Days."""


def send_in(scenario: Scenario, more: Callable[[Scenario], list[Case]]) -> None:
    """All documents: those of `_cases`, and `more` of them."""
    rule = ReviewRule(doc_type=DocType.BUSINESS, role=Role.BRAND, after_rejection=True)
    for setting in (rule, QualityShare(percent=20)):
        create([setting], by=lambda _: None, at=lambda _: scenario.ago(days=120), action=Action.RECORDED)
    cases = [*_cases(scenario), *more(scenario)]
    sent: list[tuple[Document, Case]] = []
    for verdict in (Status.APPROVED, Status.REJECTED):
        decided = _create(scenario, [case for case in cases if case.verdict == verdict])
        _decide(scenario, verdict, decided)
        sent += decided
    # Last, since no user may have two pending of one kind.
    used = next(case.shown.number for _, case in sent[5:] if case.shown and case.doc_type == DocType.IDENTITY)
    sent += _create(scenario, [case for case in cases if case.verdict == Status.PENDING], used=used)
    _type_details(scenario, sent)


def _create(scenario: Scenario, cases: list[Case], *, used: str = "") -> list[tuple[Document, Case]]:
    documents = [draw_document(scenario, case, used) for case in cases]
    create(
        documents,
        by=lambda document: document.owner,
        at=lambda document: document.created_at,
        action=Action.DOCUMENT_SUBMITTED,
    )
    return list(zip(documents, cases, strict=True))


def _decide(scenario: Scenario, verdict: str, decided: list[tuple[Document, Case]]) -> None:
    views, decisions = [], []
    for place, (document, case) in enumerate(decided):
        officer = scenario[_officer(scenario, place, case)]
        reason = Reason(case.reason) if case.reason else None
        before = snapshot_of(document, DECIDED_FIELDS)
        document.decide(verdict, officer, case.reason, COMMENTS.get(reason, "") if reason else "")
        document.decided_at = at = case.sent + timedelta(
            hours=_took(scenario, place, case), minutes=scenario.random.randint(0, 50)
        )
        views.append((officer.pk, Action.VIEWED.value, LABEL, str(document.pk), ADDRESS, at - timedelta(minutes=2)))
        text = document.comment or (reason.text if reason else "")
        scenario.notify(document.owner, Kind.DOCUMENT_DECIDED, at, about=document, status=verdict, text=text)
        decisions.append(
            Decision(
                verb=f"document.{verdict}",
                actor=officer,
                target_type=LABEL,
                target_id=document.pk,
                subject=document.owner,
                reason=case.reason,
                text=message_to_owner(document),
                before=before,
                after=snapshot_of(document, DECIDED_FIELDS),
                made_at=at,
                told_at=at + UNDO_WINDOW,
            )
        )
    change(
        [document for document, _ in decided],
        ["status", "reason", "comment", "decided_by", "decided_at", "version"],
        by=lambda document: document.decided_by,
        at=lambda document: document.decided_at or scenario.now,
        action=Action(f"document.{verdict}"),
    )
    copy_rows(Entry, ("actor_id", "verb", "target_type", "target_id", "address", "created_at"), views)
    Decision.objects.bulk_create(decisions)
    check_blind(scenario, decisions, [document for document, _ in decided])


def _type_details(scenario: Scenario, sent: list[tuple[Document, Case]]) -> None:
    """The details that officers typed of documents that they decided, and of some that a colleague will decide."""
    rows, entries = [], []
    for document, case in sent:
        if case.shown is not None and (document.decided_at or case.flag):
            officer = document.decided_by or scenario["compliance"]
            at = (document.decided_at or scenario.ago(minutes=50)) - timedelta(minutes=1)
            checks = CHECKS[DocType(document.doc_type)] if case.verdict == Status.APPROVED else ()
            shown = case.shown
            document.details = DocumentDetails(
                document=document,
                name=shown.name,
                number=shown.number,
                born=shown.born,
                valid_until=shown.valid_until,
                checks=list(checks),
                typed_by=officer,
                typed_at=at,
            )
            rows.append(document.details)
            entries.append((officer.pk, Action.DETAILS_RECORDED.value, LABEL, str(document.pk), ADDRESS, at))
    DocumentDetails.objects.bulk_create(rows)
    copy_rows(Entry, ("actor_id", "verb", "target_type", "target_id", "address", "created_at"), entries)
    DocumentKey.objects.bulk_create(
        DocumentKey(document=document, key=key) for document, _case in sent for key in keys_of(document)
    )


def _officer(scenario: Scenario, place: int, case: Case) -> str:
    """Two decided in turn; lately a third one helps out."""
    if place % 4 == 3:
        return "admin"
    return "robin.marsh" if place % 4 == 1 and case.sent > scenario.ago(days=LATELY) else "compliance"


def _took(scenario: Scenario, place: int, case: Case) -> int:
    """Hours until the decision: all on one day at first, lately now soon and now late."""
    return 2 + place * 7 % 29 if case.sent > scenario.ago(days=LATELY) else 19


def _cases(scenario: Scenario) -> list[Case]:
    identity, business = DocType.IDENTITY, DocType.BUSINESS
    cases = [Case(user, identity, user.date_joined + timedelta(hours=1), Status.APPROVED) for user in scenario.verified]
    new = [user for user in scenario.clients if not user.identity_verified and user.username != NEWCOMER]
    cases.append(Case(scenario[NEWCOMER], identity, scenario.ago(hours=2)))
    for user, reason in zip(new, Reason, strict=False):
        cases.append(Case(user, identity, user.date_joined + timedelta(hours=1), Status.REJECTED, reason))
        # Half of those who may try again have done so.
        if reason.may_resubmit and user.pk % 2 == 0:
            cases.append(Case(user, identity, scenario.ago(hours=scenario.random.uniform(1, 20))))
    waiting = new[len(Reason) :]
    flags = dict(zip(waiting, FLAGS, strict=False))
    cases += [Case(user, identity, user.date_joined + timedelta(hours=1), flag=flags.get(user, "")) for user in waiting]

    companies = [user for user in scenario.verified if user.role in (Role.BRAND, Role.ENTREPRENEUR)]
    for place, user in enumerate(companies):
        first = user.date_joined + timedelta(days=2)
        match place % 5:
            case 0 | 1:
                cases.append(Case(user, business, first, Status.APPROVED))
            case 2:
                cases.append(Case(user, business, first, Status.REJECTED, Reason.WRONG_DOCUMENT))
                cases.append(Case(user, business, scenario.ago(hours=3 + place)))
            case 3:
                cases.append(Case(user, business, scenario.ago(hours=6 + 2 * place)))
    return cases
