"""Documents that people sent in: approved ones behind each badge, rejected ones of each kind, pending ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.notifications.models import Kind
from apps.review.decisions.models import HOLD, Decision
from apps.review.decisions.services import facts
from apps.users.models import (
    CHECKS,
    BlindCheck,
    DocType,
    Document,
    DocumentDetails,
    DocumentKey,
    QualityShare,
    Reason,
    ReviewRule,
    Role,
    User,
)
from apps.users.verification.matching import keys_of
from apps.users.verification.messages import message_to_owner
from apps.users.verification.review import DECIDED_FIELDS
from demo import texts
from demo.accounts import NEWCOMER
from demo.bulk import Stored, copy_rows
from demo.drawing.documents import Holder, business_paper, identity_card
from demo.drawing.scenes import scene
from demo.scenario import Scenario, change, create

Status = Document.Status
LABEL = Document._meta.label_lower
ADDRESS = "10.20.0.14"
FLAWS = {Reason.UNREADABLE: "blurred", Reason.CUT_OFF: "cut off", Reason.FORGED: "pasted"}
COMMENTS = {
    Reason.UNREADABLE: "Please lay the card flat near a window and try again.",
    Reason.NAME_DIFFERS: "Your account says another family name. Change it, or send the certificate.",
}
# What the second officer made of some: a card without its edge is hard to read, and a married name is no other name.
SEEN_OTHERWISE: dict[str, str] = {
    Reason.CUT_OFF: Reason.UNREADABLE,
    Reason.FORGED: Reason.ALREADY_USED,
    Reason.NAME_DIFFERS: "",
}
FLAGS = ("differs", "expired", "number")
UNREAD = (Reason.UNREADABLE, Reason.CUT_OFF)
NAMELESS = 9
"""Of so many accounts, one gave no legal name with the documents that are decided."""
LATELY = 15
"""Days."""
LEFT_TO_JUDGE = 1
"""How many of each verdict."""


@dataclass
class Case:
    """One document to be sent in, and what becomes of it."""

    owner: User
    doc_type: str
    sent: datetime
    verdict: str = Status.PENDING
    reason: str = ""
    flag: str = ""
    """What its details show while it still waits: "differs", "expired" or "number", one of another account."""
    shown: Shown | None = None
    """Once it is drawn; None where it cannot be read."""


@dataclass(frozen=True)
class Shown:
    """What a document says."""

    name: str
    number: str
    born: date | None = None
    valid_until: date | None = None


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
    # Last, since nobody may have two of a kind waiting.
    used = next(case.shown.number for _, case in sent[5:] if case.shown and case.doc_type == DocType.IDENTITY)
    sent += _create(scenario, [case for case in cases if case.verdict == Status.PENDING], used=used)
    _type_details(scenario, sent)


def _create(scenario: Scenario, cases: list[Case], *, used: str = "") -> list[tuple[Document, Case]]:
    documents = [_document(scenario, case, used) for case in cases]
    create(
        documents,
        by=lambda document: document.owner,
        at=lambda document: document.created_at,
        action=Action.DOCUMENT_SUBMITTED,
    )
    return list(zip(documents, cases, strict=True))


def _decide(scenario: Scenario, verdict: str, decided: list[tuple[Document, Case]]) -> None:
    looks, decisions = [], []
    for place, (document, case) in enumerate(decided):
        officer = scenario[_officer(scenario, place, case)]
        reason = Reason(case.reason) if case.reason else None
        before = facts(document, DECIDED_FIELDS)
        document.decide(verdict, officer, case.reason, COMMENTS.get(reason, "") if reason else "")
        document.decided_at = at = case.sent + timedelta(
            hours=_took(scenario, place, case), minutes=scenario.random.randint(0, 50)
        )
        looks.append((officer.pk, Action.VIEWED.value, LABEL, str(document.pk), ADDRESS, at - timedelta(minutes=2)))
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
                after=facts(document, DECIDED_FIELDS),
                made_at=at,
                told_at=at + HOLD,
            )
        )
    change(
        [document for document, _ in decided],
        ["status", "reason", "comment", "decided_by", "decided_at", "version"],
        by=lambda document: document.decided_by,
        at=lambda document: document.decided_at or scenario.now,
        action=Action(f"document.{verdict}"),
    )
    copy_rows(Entry, ("actor_id", "verb", "target_type", "target_id", "address", "created_at"), looks)
    Decision.objects.bulk_create(decisions)
    _judge_again(scenario, decisions, [document for document, _ in decided])


def _type_details(scenario: Scenario, sent: list[tuple[Document, Case]]) -> None:
    """What officers typed of those that they decided, and of some that a colleague shall decide."""
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


def _judge_again(scenario: Scenario, decisions: list[Decision], documents: list[Document]) -> None:
    """Some were set aside and judged blind by the other officer, who saw a few of them otherwise; a few wait."""
    dice = Random("blind checks")
    checks: list[BlindCheck] = []
    for decision, document in zip(decisions, documents, strict=True):
        if document.status == Status.APPROVED and dice.random() > 0.4:
            continue
        second = SEEN_OTHERWISE.get(document.reason, document.reason) if dice.random() < 0.7 else document.reason
        check = BlindCheck(
            decision=decision,
            document=document,
            officer=decision.actor,
            decided=document.status,
            decided_reason=document.reason,
        )
        if not (decision.actor == scenario["admin"] and sum(one.checked_at is None for one in checks) < LEFT_TO_JUDGE):
            check.verdict, check.reason = (Status.REJECTED if second else Status.APPROVED), second
            check.checked_by = scenario["compliance" if decision.actor == scenario["admin"] else "admin"]
            later = max(decision.made_at, scenario.ago(days=40)) + timedelta(hours=dice.randint(4, 90))
            check.checked_at = min(later, scenario.now)
        checks.append(check)
    BlindCheck.objects.bulk_create(checks)


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


def _document(scenario: Scenario, case: Case, used: str) -> Document:
    file = _card(scenario, case, used) if case.doc_type == DocType.IDENTITY else _paper(scenario, case)
    name = _name(case.owner) if case.doc_type == DocType.IDENTITY else case.owner.profile.company_name
    return Document(
        owner=case.owner,
        doc_type=case.doc_type,
        # Apps of before did not ask for it.
        legal_name="" if case.owner.pk % NAMELESS == 0 and case.verdict != Status.PENDING else name,
        file=file.name,
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256,
        created_at=case.sent,
    )


def _card(scenario: Scenario, case: Case, used: str) -> Stored:
    if case.reason == Reason.WRONG_DOCUMENT:
        return scenario.store("documents", "image/jpeg", scene(scenario.random, "table"))
    name = _name(case.owner)
    if case.reason == Reason.NAME_DIFFERS or case.flag == "differs":
        name = f"{name.split()[0]} Underhill"
    born = scenario.now.date() - timedelta(days=scenario.random.randint(20 * 365, 45 * 365))
    if case.reason == Reason.NOT_ELIGIBLE:
        born = scenario.now.date() - timedelta(days=15 * 365)
    expires = scenario.now.date() + timedelta(days=scenario.random.randint(200, 3000))
    if case.reason == Reason.EXPIRED or case.flag == "expired":
        expires = scenario.now.date() - timedelta(days=140)
    number = f"X{scenario.random.randint(10, 99)}K{scenario.random.randint(1000, 9999)}"
    if case.flag == "number":
        number = used
    if case.reason not in UNREAD:
        case.shown = Shown(name, number, born, expires)
    holder = Holder(name, born, expires, number)
    media_type = "image/png" if case.verdict == Status.PENDING else "image/jpeg"
    card = identity_card(
        scenario.random, holder, flaw=FLAWS.get(Reason(case.reason), "") if case.reason else "", media_type=media_type
    )
    return scenario.store("documents", media_type, card)


def _paper(scenario: Scenario, case: Case) -> Stored:
    kind = "bill" if case.reason == Reason.WRONG_DOCUMENT else "trade"
    number = str(scenario.random.randint(20_000, 90_000))
    company = case.owner.profile.company_name
    if kind == "trade":
        case.shown = Shown(company, f"MR {number}")
    paper = business_paper(company, _name(case.owner), number, since=case.owner.date_joined.date(), kind=kind)
    return scenario.store("documents", "application/pdf", paper)


def _name(user: User) -> str:
    """As on their papers: from the user name where that is one."""
    given, _, family = user.username.partition(".")
    if family:
        return f"{given} {family}".title()
    return f"{texts.GIVEN[user.pk % len(texts.GIVEN)].title()} {FAMILIES[user.pk % len(FAMILIES)]}"


FAMILIES = ("Whitfield", "Serrano", "Marsh", "Bello", "Voss", "Tran", "Okafor")
