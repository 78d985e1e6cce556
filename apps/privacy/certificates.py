"""What an erasure is certified by: counts, times and a reference, and nothing about the person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings

from apps.privacy.models import Erasure


def certificate_of(erasure: Erasure) -> dict[str, Any]:
    """The certificate of an erasure that has been carried out. Times are ISO 8601 with their zone."""
    assert erasure.ended_at is not None
    gone = erasure.ended_at + timedelta(days=settings.KEY_BACKUP_DAYS)
    return {
        "certificate": "infloo/erasure/1",
        "reference": str(erasure.reference),
        "requested_at": erasure.requested_at.isoformat(),
        "requested_by": "user" if erasure.requested_by_id == erasure.person_id else "staff",
        "erased_at": erasure.ended_at.isoformat(),
        "erased": erasure.counts,
        "history_and_audit": "encrypted under a key that was destroyed",
        "unreadable_in_backups_from": gone.isoformat(),
    }
