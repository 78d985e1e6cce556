"""What staff do between each other: notes, notices, items claimed, assigned, snoozed, escalated; message templates."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Model

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.review.models import CLAIM_LASTS, MessageTemplate, Note, Notice, ReviewItem
from apps.review.notices import MENTION
from demo import work_texts
from demo.bulk import copy_rows
from demo.scenario import Scenario, change

ENTRY = ("actor_id", "verb", "target_type", "target_id", "reason", "created_at")
READ_AFTER = timedelta(hours=5)
"""Notices that are older have been read."""


def note(scenario: Scenario, item: Model, by: str, text: str, *, hours: float) -> None:
    """A note of so many hours ago, and the notices to those whom it mentions."""
    at = scenario.ago(hours=hours)
    Note.objects.create(
        target_type=item._meta.label_lower, target_id=item.pk, author=scenario[by], text=text, created_at=at
    )
    for name in MENTION.findall(text):
        _notify(scenario, item, by, name, Notice.Kind.MENTIONED, text, at)


def assign(scenario: Scenario, item: ReviewItem, by: str, to: str, *, hours: float) -> None:
    at = scenario.ago(hours=hours)
    item.assigned_to = scenario[to]
    item.save(update_fields=["assigned_to"])
    _notify(scenario, item, by, to, Notice.Kind.ASSIGNED, "", at)
    _record(scenario, item, by, Action.RELEASED, "", at)


def claim(scenario: Scenario, item: ReviewItem, by: str) -> None:
    item.claimed_by, item.claimed_until = scenario[by], scenario.now + CLAIM_LASTS
    item.save(update_fields=["claimed_by", "claimed_until"])
    _record(scenario, item, by, Action.CLAIMED, "", scenario.now)


def snooze(scenario: Scenario, item: ReviewItem, *, until_hours: float) -> None:
    item.snoozed_until = scenario.ago(hours=-until_hours)
    item.save(update_fields=["snoozed_until"])


def escalate[W: ReviewItem](scenario: Scenario, item: W, by: str, to: str, reason: str, *, hours: float) -> None:
    """So many hours ago, to a colleague, with the reason as a note."""
    at = scenario.ago(hours=hours)
    item.escalated_at, item.assigned_to = at, scenario[to]
    change(
        [item],
        ["escalated_at", "assigned_to"],
        by=lambda _: scenario[by],
        at=lambda _: at,
        action=Action.ESCALATED,
        note=reason,
    )
    Note.objects.create(
        target_type=item._meta.label_lower, target_id=item.pk, author=scenario[by], text=reason, created_at=at
    )
    _notify(scenario, item, by, to, Notice.Kind.ESCALATED, reason, at)
    _record(scenario, item, by, Action.ESCALATED, reason, at)


def write_templates(scenario: Scenario) -> None:
    MessageTemplate.objects.bulk_create(
        MessageTemplate(owner=scenario[owner], queue=queue, title=title, texts=texts, shared=shared)
        for owner, queue, shared, title, texts in work_texts.TEMPLATES
    )


def _notify(scenario: Scenario, item: Model, by: str, to: str, kind: Notice.Kind, text: str, at: datetime) -> None:
    scenario.notices.append(
        Notice(
            staff=scenario[to],
            actor=scenario[by],
            kind=kind,
            target_type=item._meta.label_lower,
            target_id=item.pk,
            text=text,
            created_at=at,
            read_at=at + timedelta(minutes=50) if scenario.now - at > READ_AFTER else None,
        )
    )


def _record(scenario: Scenario, item: Model, by: str, verb: Action, reason: str, at: datetime) -> None:
    copy_rows(Entry, ENTRY, [(scenario[by].pk, verb.value, item._meta.label_lower, str(item.pk), reason, at)])
