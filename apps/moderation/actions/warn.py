from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.moderation.actions.base import ModerationAction, StrikeRule
from apps.moderation.actions.registry import register
from apps.moderation.content import named
from apps.moderation.models import Case
from apps.moderation.notices import Notice
from apps.notifications.models import Kind


@register
class Warn(ModerationAction):
    """The author is warned; the content stays."""

    code, label, choice = "warned", _("Author warned"), _("Warn the author")
    severity = 1
    position = 1
    strike = StrikeRule(points=1, valid_for=timedelta(days=90))

    def author_notice(self, case: Case, target: Any, *, text: str, until: str) -> Notice:
        return Notice(Kind.WARNING, {**named(case.kind, target), "text": text})
