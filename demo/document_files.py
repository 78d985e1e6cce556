"""The documents themselves: a drawn card or company document with its details, stored as a user would upload it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from apps.users.models import DocType, Document, Reason, User
from demo import texts
from demo.bulk import Stored
from demo.drawing.documents import Holder, business_paper, identity_card
from demo.drawing.scenes import scene
from demo.scenario import Scenario

Status = Document.Status
FLAWS = {Reason.UNREADABLE: "blurred", Reason.CUT_OFF: "cut off", Reason.FORGED: "pasted"}
UNREAD = (Reason.UNREADABLE, Reason.CUT_OFF)
NAMELESS = 9
"""Of so many accounts, one gave no legal name with the documents that are decided."""
FAMILIES = ("Whitfield", "Serrano", "Marsh", "Bello", "Voss", "Tran", "Okafor")


@dataclass
class Case:
    """One document to be sent in, and what becomes of it."""

    owner: User
    doc_type: str
    sent: datetime
    verdict: str = Status.PENDING
    reason: str = ""
    flag: str = ""
    """What its details show while it is pending: "differs", "expired" or "number", one of another account."""
    shown: Shown | None = None
    """Once it is drawn; None where it cannot be read."""


@dataclass(frozen=True)
class Shown:
    """The details that a document shows."""

    name: str
    number: str
    born: date | None = None
    valid_until: date | None = None


def draw_document(scenario: Scenario, case: Case, used: str) -> Document:
    file = _card(scenario, case, used) if case.doc_type == DocType.IDENTITY else _company_document(scenario, case)
    name = _name(case.owner) if case.doc_type == DocType.IDENTITY else case.owner.profile.company_name
    return Document(
        owner=case.owner,
        doc_type=case.doc_type,
        # Earlier apps did not ask for it.
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


def _company_document(scenario: Scenario, case: Case) -> Stored:
    kind = "bill" if case.reason == Reason.WRONG_DOCUMENT else "trade"
    number = str(scenario.random.randint(20_000, 90_000))
    company = case.owner.profile.company_name
    if kind == "trade":
        case.shown = Shown(company, f"MR {number}")
    document = business_paper(company, _name(case.owner), number, since=case.owner.date_joined.date(), kind=kind)
    return scenario.store("documents", "application/pdf", document)


def _name(user: User) -> str:
    """As on the documents of the user: from the user name where that is one."""
    given, _, family = user.username.partition(".")
    if family:
        return f"{given} {family}".title()
    return f"{texts.GIVEN[user.pk % len(texts.GIVEN)].title()} {FAMILIES[user.pk % len(FAMILIES)]}"
