"""The models of moderation, by subject."""

from apps.moderation.models.appeals import Appeal, AppealQuerySet
from apps.moderation.models.cases import Case, CaseQuerySet
from apps.moderation.models.reports import (
    Report,
    ReportGroupObjectPermission,
    ReportQuerySet,
    ReportUserObjectPermission,
)
from apps.moderation.models.snapshots import ContentSnapshot, ContentSnapshotQuerySet
from apps.moderation.models.strikes import APPEAL_WITHIN, Strike, StrikeQuerySet, known_to_author

__all__ = [
    "APPEAL_WITHIN",
    "Appeal",
    "AppealQuerySet",
    "Case",
    "CaseQuerySet",
    "ContentSnapshot",
    "ContentSnapshotQuerySet",
    "Report",
    "ReportGroupObjectPermission",
    "ReportQuerySet",
    "ReportUserObjectPermission",
    "Strike",
    "StrikeQuerySet",
    "known_to_author",
]
