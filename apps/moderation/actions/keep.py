from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.moderation.actions.base import ModerationAction
from apps.moderation.actions.registry import register


@register
class Keep(ModerationAction):
    """The content is within the rules. Reporters are notified, the author is not."""

    code, label, choice = "kept", _("Kept"), _("Keep")
    severity = 0
    notifies_author = False
    is_exclusive = True
    is_extra = False
    shortcut, bulk_choice = "a", _("Keep")
