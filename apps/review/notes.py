"""Internal notes about items and users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models, transaction
from django.utils.translation import gettext as _

from apps.access import require
from apps.review.models import Note, Notice, ReviewItem
from apps.review.notices import mentioned_in, notify_staff
from apps.review.texts import checked_text

if TYPE_CHECKING:
    from apps.users.models import User

MOST_NOTE = 2000
"""Characters."""


@transaction.atomic
def add_note(actor: User, target: models.Model, *, text: str) -> Note:
    """An internal note, for staff who may see the item. Those whom it mentions as @name are notified."""
    label = target._meta
    perm = target.WORK_PERMISSION if isinstance(target, ReviewItem) else f"{label.app_label}.view_{label.model_name}"
    require(actor, perm, target)
    text = checked_text(text, "text", MOST_NOTE, _("Enter a text first."))
    notify_staff(actor, Notice.Kind.MENTIONED, target, mentioned_in(text, target, perm), text=text)
    return Note.objects.create(target_type=label.label_lower, target_id=target.pk, author=actor, text=text)
