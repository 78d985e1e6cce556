"""The models of review, by subject."""

from apps.review.models.items import CLAIM_LASTS, Note, Notice, ReviewItem
from apps.review.models.preferences import Goal, MessageTemplate, Preference, SavedFilter
from apps.review.models.reveals import REVEAL_LASTS, Reveal, RevealAllowance, RevealQuerySet

__all__ = [
    "CLAIM_LASTS",
    "REVEAL_LASTS",
    "Goal",
    "MessageTemplate",
    "Note",
    "Notice",
    "Preference",
    "Reveal",
    "RevealAllowance",
    "RevealQuerySet",
    "ReviewItem",
    "SavedFilter",
]
