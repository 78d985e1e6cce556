"""How long personal data is kept, what keeps it longer, and its end."""

from apps.privacy.models.erasures import Erasure, ErasureQuerySet
from apps.privacy.models.exports import DataExport
from apps.privacy.models.holds import LegalHold, LegalHoldQuerySet
from apps.privacy.models.periods import DEFAULT_DAYS, Kept, RetentionPeriod

__all__ = [
    "DEFAULT_DAYS",
    "DataExport",
    "Erasure",
    "ErasureQuerySet",
    "Kept",
    "LegalHold",
    "LegalHoldQuerySet",
    "RetentionPeriod",
]
