"""Views of documents by staff, each recorded before anything is shown."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.access import may, require
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import fetched_ahead, record
from apps.errors import Absent
from apps.users.models import Document, User


def record_view(viewer: User, document_id: int, *, reason: str = "", ahead: bool = False) -> Entry:
    """Record that staff view the file of a document, which its owner reads of. To be called before any of it is shown.

    `ahead`: it is fetched, but not shown yet, and the owner reads just that. Raises `Absent`, `Refused`.
    """
    document = _viewable(viewer, document_id)
    return record(viewer, Action.VIEWED, document, reason=reason, subject=document.owner, **fetched_ahead(ahead))


def record_profile_picture_view(viewer: User, document_id: int) -> Entry:
    """Record that the profile picture, which is public, was viewed beside a document. Raises `Absent`, `Refused`."""
    document = _viewable(viewer, document_id)
    return record(viewer, Action.VIEWED, document.owner.profile, beside=document.pk)


def _viewable(viewer: User, document_id: int) -> Document:
    document = Document.objects.select_related("owner", "owner__profile").filter(pk=document_id).first()
    if document is None:
        raise Absent("not-found", _("This document does not exist, or you have no permission to see it."))
    # The right to decide it includes viewing it.
    if not may(viewer, "users.review_document", document):
        require(viewer, "users.view_document", document)
    return document
