"""The last days: more people who signed up, companies that influencers founded, and what officers decided meanwhile."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from PIL import Image

from apps.audit.actions import Action
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.review.decisions.services import snapshot_of
from apps.users.models import DocType, Document, Profile, Reason, Role, User
from apps.users.verification.four_eyes import ASKED_FIELDS
from apps.users.verification.review import DECIDED_FIELDS
from demo import texts
from demo.accounts import NEWCOMER
from demo.document_files import Case
from demo.drawing.people import portrait
from demo.scenario import Scenario, change, create
from demo.teamwork import assign, claim, escalate, note, snooze

Status = Document.Status
# Hours ago at which they signed up; an hour later their document came in.
SIGNED_UP = (1.1, 1.5, 2.2, 3.5, 5, 7, 9.5, 13, 17, 21, 24.5, 27, 31, 38, 52, 71)
# Days ago at which businesses sent in what has been decided since.
DECIDED = (
    13.6, 12.9, 12.1, 11.4, 10.8, 10.2, 9.9, 9.1, 8.7, 8.2, 7.5, 7.1, 6.8, 6.4, 6.1, 5.6, 5.2, 4.7, 4.1, 3.8, 3.2, 2.9,
    2.6, 2.4, 2.1, 1.8,
)  # fmt: skip
REJECTED = {
    3: Reason.WRONG_DOCUMENT,
    6: Reason.WRONG_DOCUMENT,
    9: Reason.EXPIRED,
    12: Reason.WRONG_DOCUMENT,
    15: Reason.WRONG_DOCUMENT,
    18: Reason.EXPIRED,
    20: Reason.WRONG_DOCUMENT,
}
"""By the place of the business, why it was rejected."""
RESENT_HOURS = (0.4, 6, 16, 25.5, 49)
TRADES = ("Media", "Studio", "Productions", "Creative")


def arrive(scenario: Scenario) -> None:
    """More newcomers, none of whom is verified."""
    _sign_up(scenario, _free_names(scenario)[::7], SIGNED_UP, Random("arrivals"))


def _free_names(scenario: Scenario) -> list[str]:
    names = (f"{given}.{family}".lower() for family in reversed(texts.FAMILY) for given in texts.GIVEN[::3])
    return [name for name in names if name not in scenario.users]


def _sign_up(scenario: Scenario, names: Iterable[str], hours_ago: Sequence[float], dice: Random) -> list[User]:
    people = [
        User(
            username=name,
            email=f"{name}@example.com",
            password=scenario[NEWCOMER].password,
            role=(Role.INFLUENCER, Role.INFLUENCER, Role.ENTREPRENEUR)[place % 3],
            phone=f"+44 20 5550 {1000 + int(60 * hours)}" if place % 2 else "",
            date_joined=scenario.ago(hours=hours),
        )
        for place, (name, hours) in enumerate(zip(names, hours_ago, strict=False))
    ]
    create(people, by=lambda user: user, at=lambda user: user.date_joined, action=Action.ACCOUNT_REGISTERED)
    profiles = [_profile(scenario, user, dice) for user in people]
    create(
        profiles,
        by=lambda profile: profile.user,
        at=lambda profile: profile.user.date_joined,
        action=Action.ACCOUNT_REGISTERED,
    )
    scenario.users |= {user.username: user for user in people}
    return people


def _profile(scenario: Scenario, user: User, dice: Random) -> Profile:
    family = user.username.split(".")[1].title()
    founder = user.role == Role.ENTREPRENEUR
    picture = scenario.store("profiles", "image/jpeg", portrait(dice)).name if dice.random() < 0.4 else ""
    return Profile(
        user=user,
        bio=dice.choice(texts.FOUNDER_BIOS if founder else texts.BIOS),
        company_name=f"{family} & Co" if founder else "",
        business_category=dice.choice(texts.CATEGORIES),
        image=picture,
    )


def businesses(scenario: Scenario) -> list[Case]:
    """Documents of companies from the last two weeks: those decided, and those sent in again after a rejection."""
    companies = [user for user in scenario.verified if user.role in (Role.BRAND, Role.ENTREPRENEUR)]
    owners = [*_founded(scenario), *companies[4::5]]
    cases = []
    again = iter(RESENT_HOURS)
    for place, (owner, days) in enumerate(zip(owners, DECIDED, strict=False)):
        reason = REJECTED.get(place)
        verdict = Status.REJECTED if reason else Status.APPROVED
        cases.append(Case(owner, DocType.BUSINESS, scenario.ago(days=days), verdict, reason or ""))
        if reason and (hours := next(again, None)) is not None:
            cases.append(Case(owner, DocType.BUSINESS, scenario.ago(hours=hours)))
    return cases


def _founded(scenario: Scenario) -> list[User]:
    """Influencers with a company of their own, which they have named some weeks ago."""
    people = [user for user in scenario.verified if user.role == Role.INFLUENCER and "." in user.username]
    profiles = []
    for place, user in enumerate(people):
        user.profile.company_name = f"{user.username.split('.')[1].title()} {TRADES[place % len(TRADES)]}"
        profiles.append(user.profile)
    change(
        profiles,
        ["company_name"],
        by=lambda profile: profile.user,
        at=lambda profile: scenario.ago(days=21),
        action=Action.PROFILE_CHANGED,
    )
    return people


# --- Documents that wait for more than one officer --------------------------------------------------------------------


def pass_on(scenario: Scenario) -> None:
    """Copies of others' documents, first approvals, second ones asked for, notes, and who works on what."""
    waiting = list(Document.objects.pending().select_related("owner").order_by("created_at", "id"))
    cards = [one for one in waiting if one.doc_type == DocType.IDENTITY and one.owner.username != NEWCOMER]
    businesses = [one for one in waiting if one.doc_type == DocType.BUSINESS]
    fresh = [one for one in cards if one.owner.date_joined > scenario.ago(hours=80)]
    copies = _second_accounts(scenario, fresh[4])

    rejected = Document.objects.filter(doc_type=DocType.BUSINESS, status=Status.REJECTED).values("owner")
    twice = Document.objects.pending().filter(doc_type=DocType.BUSINESS, owner__role=Role.BRAND, owner__in=rejected)
    by_rule = list(twice.select_related("owner").order_by("created_at", "id"))
    _hold(scenario, by_rule[0], "robin.marsh", hours=1.5)
    _hold(scenario, by_rule[1], "admin", hours=0.7)
    _ask_second(
        scenario, cards[1], "compliance", "The picture looks older than the card. @admin please look at it, too."
    )
    _ask_second(
        scenario, cards[2], "robin.marsh", "The card number is hard to read. @compliance please compare the strip."
    )
    _ask_second(scenario, copies[0], "admin", "I have seen this card before. @compliance do you remember the account?")

    note(
        scenario, cards[0], "compliance", "Called the issuing office: cards of this series end in two digits.", hours=20
    )
    note(scenario, cards[6], "admin", "@compliance the owner wrote twice. Please take this one first.", hours=0.9)
    note(scenario, businesses[0], "compliance", "The page of the register is down until tomorrow.", hours=0.8)
    assign(scenario, cards[6], "admin", "compliance", hours=0.8)
    assign(scenario, businesses[1], "compliance", "admin", hours=1.2)
    snooze(scenario, businesses[0], until_hours=20)
    snooze(scenario, cards[7], until_hours=3)
    claim(scenario, cards[4], "admin")
    text = "The owner threatens to go to court. Please decide it yourself."
    escalate(scenario, cards[3], "compliance", "admin", text, hours=6)


def _second_accounts(scenario: Scenario, pending: Document) -> list[Document]:
    """Three who send in what another account sent in before: the very file, or a smaller picture of it."""
    approved = Document.objects.filter(doc_type=DocType.IDENTITY, status=Status.APPROVED)
    sources = [*approved.order_by("-created_at", "-id")[:2], pending]
    people = _sign_up(scenario, _free_names(scenario)[3::11], (4.4, 15, 29), Random("second accounts"))
    copies = []
    for place, (owner, source) in enumerate(zip(people, sources, strict=True)):
        with source.file.open("rb") as file:
            content, media_type = file.read(), source.media_type
        if place > 0:
            content, media_type = _smaller(content), "image/jpeg"
        stored = scenario.store("documents", media_type, content)
        copies.append(
            Document(
                owner=owner,
                doc_type=source.doc_type,
                file=stored.name,
                media_type=media_type,
                size=stored.size,
                sha256=stored.sha256,
                created_at=owner.date_joined + timedelta(minutes=30),
            )
        )
    return create(
        copies,
        by=lambda document: document.owner,
        at=lambda document: document.created_at,
        action=Action.DOCUMENT_SUBMITTED,
    )


def _smaller(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        picture = image.convert("RGB").resize((image.width * 4 // 5, image.height * 4 // 5))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def _hold(scenario: Scenario, document: Document, by: str, *, hours: float) -> None:
    """Approved first by one officer; a second one has to confirm it."""
    before, at = snapshot_of(document, DECIDED_FIELDS), scenario.ago(hours=hours)
    document.approve_first(scenario[by])
    document.first_approved_at = at
    fields = ["needs_second", "first_approved_by", "first_approved_at", "version"]
    change([document], fields, by=lambda _: scenario[by], at=lambda _: at, action=Action.DOCUMENT_FIRST_APPROVED)
    _decided(scenario, document, "document.held", by, at, before, snapshot_of(document, DECIDED_FIELDS))


def _ask_second(scenario: Scenario, document: Document, by: str, text: str) -> None:
    before, at = snapshot_of(document, ASKED_FIELDS), scenario.ago(minutes=40)
    document.needs_second = True
    change([document], ["needs_second"], by=lambda _: scenario[by], at=lambda _: at, action=Action.SECOND_REQUESTED)
    _decided(scenario, document, "document.second_asked", by, at, before, snapshot_of(document, ASKED_FIELDS))
    note(scenario, document, by, text, hours=0.67)


def _decided(
    scenario: Scenario,
    document: Document,
    verb: str,
    by: str,
    at: datetime,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    Decision.objects.create(
        verb=verb,
        actor=scenario[by],
        target_type=document._meta.label_lower,
        target_id=document.pk,
        subject=document.owner,
        before=before,
        after=after,
        made_at=at,
        told_at=at + UNDO_WINDOW,
    )
