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
from demo.scenario import Stage, change

ENTRY = ("actor_id", "verb", "target_type", "target_id", "reason", "created_at")
READ_AFTER = timedelta(hours=5)
"""Notices that are older have been read."""


def note(stage: Stage, item: Model, by: str, text: str, *, hours: float) -> None:
    """A note of so many hours ago, and the notices to those whom it mentions."""
    at = stage.ago(hours=hours)
    Note.objects.create(
        target_type=item._meta.label_lower, target_id=item.pk, author=stage[by], text=text, created_at=at
    )
    for name in MENTION.findall(text):
        _notify(stage, item, by, name, Notice.Kind.MENTIONED, text, at)


def assign(stage: Stage, item: ReviewItem, by: str, to: str, *, hours: float) -> None:
    at = stage.ago(hours=hours)
    item.assigned_to = stage[to]
    item.save(update_fields=["assigned_to"])
    _notify(stage, item, by, to, Notice.Kind.ASSIGNED, "", at)
    _record(stage, item, by, Action.RELEASED, "", at)


def claim(stage: Stage, item: ReviewItem, by: str) -> None:
    item.claimed_by, item.claimed_until = stage[by], stage.now + CLAIM_LASTS
    item.save(update_fields=["claimed_by", "claimed_until"])
    _record(stage, item, by, Action.CLAIMED, "", stage.now)


def snooze(stage: Stage, item: ReviewItem, *, until_hours: float) -> None:
    item.snoozed_until = stage.ago(hours=-until_hours)
    item.save(update_fields=["snoozed_until"])


def escalate[W: ReviewItem](stage: Stage, item: W, by: str, to: str, reason: str, *, hours: float) -> None:
    """So many hours ago, to a colleague, with the reason as a note."""
    at = stage.ago(hours=hours)
    item.escalated_at, item.assigned_to = at, stage[to]
    change(
        [item],
        ["escalated_at", "assigned_to"],
        by=lambda _: stage[by],
        at=lambda _: at,
        action=Action.ESCALATED,
        note=reason,
    )
    Note.objects.create(
        target_type=item._meta.label_lower, target_id=item.pk, author=stage[by], text=reason, created_at=at
    )
    _notify(stage, item, by, to, Notice.Kind.ESCALATED, reason, at)
    _record(stage, item, by, Action.ESCALATED, reason, at)


def write_templates(stage: Stage) -> None:
    MessageTemplate.objects.bulk_create(
        MessageTemplate(owner=stage[owner], queue=queue, title=title, texts=texts, shared=shared)
        for owner, queue, shared, title, texts in work_texts.TEMPLATES
    )


def _notify(stage: Stage, item: Model, by: str, to: str, kind: Notice.Kind, text: str, at: datetime) -> None:
    stage.notices.append(
        Notice(
            staff=stage[to],
            actor=stage[by],
            kind=kind,
            target_type=item._meta.label_lower,
            target_id=item.pk,
            text=text,
            created_at=at,
            read_at=at + timedelta(minutes=50) if stage.now - at > READ_AFTER else None,
        )
    )


def _record(stage: Stage, item: Model, by: str, verb: Action, reason: str, at: datetime) -> None:
    copy_rows(Entry, ENTRY, [(stage[by].pk, verb.value, item._meta.label_lower, str(item.pk), reason, at)])
