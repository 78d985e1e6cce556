from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.moderation.actions.base import ModerationAction, StrikeRule
from apps.moderation.actions.registry import register
from apps.moderation.models import Case
from apps.moderation.notices import Notice, content_notice
from apps.notifications.models import Kind


@register
class Warn(ModerationAction):
    """The author is warned; the content stays."""

    code, label, choice = "warned", _("Author warned"), _("Warn the author")
    severity = 1
    position = 1
    shortcut, bulk_choice = "w", _("Warn")
    strike = StrikeRule(points=1, valid_for=timedelta(days=90))

    def author_notice(self, case: Case, target: Any, *, text: str, done: Mapping[str, Any]) -> Notice:
        return content_notice(Kind.WARNING, case, target, text=text)
