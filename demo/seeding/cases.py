"""Reports in bulk, in cases that mostly are decided, with the strikes and appeals that came of it; and the decisions
about documents. Part of `seed`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.utils import timezone

from apps.moderation.actions.base import StrikeRule
from apps.moderation.actions.registry import action_of
from apps.moderation.models import Appeal, Case, Report, Strike
from apps.review.decisions.models import Decision
from apps.users.models import Document, Role, User
from apps.users.names import fold, skeleton_key
from demo.bulk import copy_rows, reserve_ids

STAFF = ("seed-moderator", "seed-officer")
NO_PASSWORD = f"{UNUSABLE_PASSWORD_PREFIX}no user signs in with it"
# Of ten cases one is open, and of fifty decisions one was appealed.
OPEN_OF = 10
APPEALED_OF = 50
MOST_OF_A_CASE = 4
OUTCOMES = (Report.Outcome.KEPT, Report.Outcome.REMOVED, Report.Outcome.WARNED)
MODELS = (Case, Report, Decision, Strike, Appeal)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What the reports are about, by numbers that go from 0."""

    now: datetime
    users: int
    user: Callable[[int], int]
    """The id of a user; numbers go round."""
    stories: range
    """Their ids; the author of the first is the first user, and so on."""
    events: range


@dataclass(frozen=True, slots=True)
class _Case:
    number: int
    id: int
    kind: str
    target: int
    author: int
    """A number."""
    reports: int
    opened: datetime
    closed: datetime | None
    outcome: Report.Outcome | None


def write_staff() -> tuple[int, int]:
    """Two accounts that decided all of it, with which no user can sign in. Their ids."""
    ids, now = reserve_ids(User, len(STAFF)), timezone.now()
    copy_rows(
        User,
        (
            *("id", "username", "username_key", "username_skeleton", "email", "email_key"),
            *("password", "role", "is_staff", "date_joined"),
        ),
        (
            (pk, name, fold(name), skeleton_key(name), mail, fold(mail), NO_PASSWORD, Role.STAFF.value, True, now)
            for pk, name, mail in ((pk, name, f"{name}@staff.example.com") for pk, name in zip(ids, STAFF, strict=True))
        ),
    )
    return ids[0], ids[1]


def write_document_decisions(officer: int) -> None:
    """Of each document that is decided already, that the officer did it."""
    decided = Document.objects.filter(decided_at__isnull=False)
    decided.update(decided_by=officer)
    # All at once: nothing can be read while rows are being copied.
    rows = list(decided.order_by("id").values_list("id", "status", "owner_id", "reason", "decided_at"))
    copy_rows(
        Decision,
        (
            "batch", "verb", "actor_id", "target_type", "target_id", "subject_id", "reason", "before", "after",
            "made_at", "told_at",
        ),
        (
            (
                UUID(int=number, version=5), f"document.{status}", officer, "users.document", pk, owner, reason,
                json.dumps({"status": "pending", "version": 1}), json.dumps({"status": status, "version": 1}), at, at,
            )
            for number, (pk, status, owner, reason, at) in enumerate(rows)
        ),
    )  # fmt: skip


def write_reports(wanted: int, seeded: Seeded, moderator: int, other: int) -> list[int]:
    """So many reports and what belongs to them; the ids of some cases, open ones first."""
    cases = list(_cases(wanted, seeded))
    _write_cases(cases, seeded, moderator)
    _write_reports(cases, seeded, moderator)
    closed = [case for case in cases if case.closed is not None]
    decisions = reserve_ids(Decision, len(closed))
    _write_decisions(closed, decisions, seeded, moderator)
    _write_strikes(closed, decisions, seeded)
    _write_appeals(closed, decisions, seeded, moderator, other)
    return [case.id for case in reversed(cases)][:10]


def _cases(wanted: int, seeded: Seeded) -> Iterator[_Case]:
    """The oldest first; the last tenth is open."""
    sizes: list[int] = []
    while wanted > 0:
        sizes.append(min(wanted, 1 + len(sizes) % MOST_OF_A_CASE))
        wanted -= sizes[-1]
    ids = reserve_ids(Case, len(sizes))
    first_open = len(sizes) - max(1, len(sizes) // OPEN_OF)
    for number, size in enumerate(sizes):
        kind, target, author = _about(number, seeded)
        opened = seeded.now - timedelta(days=60) * ((len(sizes) - number) / len(sizes))
        outcome = None if number >= first_open else OUTCOMES[number % len(OUTCOMES)]
        if outcome == Report.Outcome.REMOVED and kind == Report.Kind.USER:
            outcome = Report.Outcome.WARNED
        closed = None if outcome is None else opened + timedelta(hours=1 + number % 30)
        closed = closed and min(closed, seeded.now)
        yield _Case(number, ids[number], kind, target, author, size, opened, closed, outcome)


def _about(number: int, seeded: Seeded) -> tuple[str, int, int]:
    """In turn a story, an event and a person; a person where there are no more of the others."""
    turn, place = number % 3, number // 3
    if turn == 0 and place < len(seeded.stories):
        return Report.Kind.STORY.value, seeded.stories[place], place
    if turn == 1 and place < len(seeded.events):
        return Report.Kind.EVENT.value, seeded.events[place], place
    return Report.Kind.USER.value, seeded.user(number), number


def _write_cases(cases: list[_Case], seeded: Seeded, moderator: int) -> None:
    copy_rows(
        Case,
        (
            "id", "kind", "target_id", "author_id", "status", "outcomes", "priority_score", "opened_at", "closed_at",
            "closed_by_id", "version",
        ),
        (
            (
                case.id, case.kind, case.target, seeded.user(case.author), "closed" if case.closed else "open",
                [case.outcome.value] if case.outcome else [], 10 * case.reports + case.number % 40, case.opened,
                case.closed, moderator if case.closed else None, 2 if case.closed else 1,
            )
            for case in cases
        ),
    )  # fmt: skip


def _write_reports(cases: list[_Case], seeded: Seeded, moderator: int) -> None:
    reasons = [reason.value for reason in Report.Reason]

    def rows() -> Iterator[tuple[Any, ...]]:
        for case in cases:
            for place in range(case.reports):
                yield (
                    seeded.user(case.author + 1 + place), case.kind, case.target, seeded.user(case.author),
                    reasons[(case.number + place) % len(reasons)], "Look at this.", "closed" if case.closed else "open",
                    case.outcome and case.outcome.value, case.opened, case.closed,
                    moderator if case.closed else None, case.id,
                )  # fmt: skip

    copy_rows(
        Report,
        (
            "reporter_id", "kind", "target_id", "author_id", "reason", "note", "status", "outcome", "created_at",
            "closed_at", "closed_by_id", "case_id",
        ),
        rows(),
    )  # fmt: skip


def _write_decisions(closed: list[_Case], ids: range, seeded: Seeded, moderator: int) -> None:
    copy_rows(
        Decision,
        (
            "id", "batch", "verb", "actor_id", "target_type", "target_id", "subject_id", "reason", "before", "after",
            "made_at", "told_at",
        ),
        (
            (
                pk, UUID(int=case.number, version=4), "case.settled", moderator, "moderation.case", case.id,
                seeded.user(case.author), "",
                json.dumps({"status": "open", "outcomes": [], "done": {}}),
                json.dumps({"status": "closed", "outcomes": [case.outcome]}), case.closed, case.closed,
            )
            for pk, case in zip(ids, closed, strict=True)
        ),
    )  # fmt: skip


def _strike(case: _Case) -> StrikeRule | None:
    action = action_of(str(case.outcome))
    return action.strike if action else None


def _write_strikes(closed: list[_Case], decisions: range, seeded: Seeded) -> None:
    copy_rows(
        Strike,
        ("person_id", "decision_id", "case_id", "outcomes", "points", "given_at", "expires_at"),
        (
            (
                seeded.user(case.author), decision, case.id, [str(case.outcome)], strike.points, case.closed,
                case.closed + strike.valid_for,
            )
            for decision, case in zip(decisions, closed, strict=True)
            if case.closed and (strike := _strike(case))
        ),
    )  # fmt: skip


def _write_appeals(closed: list[_Case], decisions: range, seeded: Seeded, moderator: int, other: int) -> None:
    """Every other one is ruled on."""
    appealed = [
        (decision, case)
        for decision, case in zip(decisions, closed, strict=True)
        if _strike(case) and case.number % APPEALED_OF < len(OUTCOMES)
    ]
    copy_rows(
        Appeal,
        (
            "decision_id", "case_id", "author_id", "decider_id", "text", "status", "created_at", "ruling", "ruled_at",
            "ruled_by_id", "version",
        ),
        (
            (
                decision, case.id, seeded.user(case.author), moderator, "It is within the rules.",
                *(("upheld", case.closed, "It is not.", seeded.now, other, 2) if place % 2 else
                  ("open", case.closed, "", None, None, 1)),
            )
            for place, (decision, case) in enumerate(appealed)
        ),
    )  # fmt: skip
