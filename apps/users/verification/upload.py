"""Documents submitted by their owners."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.access import visible
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Conflict
from apps.infra.files.storage import filed
from apps.infra.files.uploads import Upload, take_document
from apps.users.models import DOCUMENT_NAME_LENGTH, Document, User
from apps.users.verification.jobs import inspect_document
from apps.users.verification.matching import clean_text, update_keys
from apps.users.verification.messages import text_for_owner


@transaction.atomic
def send_document(owner: User, upload: Upload, *, doc_type: str, legal_name: str = "") -> Document:
    """Submit a document for review; one pending of a kind at a time. `legal_name` is the name that it should show.

    Raises `Conflict` for a second one, and after a rejection for good; `Invalid` for a name that cannot be one; what
    `take_document` does otherwise.
    """
    legal_name = clean_text(legal_name, most=DOCUMENT_NAME_LENGTH, field="legal_name")
    _require_place(owner, doc_type)
    taken = take_document(upload, field="file")
    document = Document(
        owner=owner,
        doc_type=doc_type,
        legal_name=legal_name,
        file=taken.file,
        media_type=taken.media_type,
        size=taken.size,
        sha256=taken.sha256,
    )
    try:
        with filed(document.file), transaction.atomic():
            save_as(owner, document, action=Action.DOCUMENT_SUBMITTED)
            update_keys(document)
            inspect_document.defer(document_id=document.pk)
    except IntegrityError as error:
        raise _already_pending() from error
    return document


def documents_of(owner: User) -> QuerySet[Document]:
    """The documents that a user has submitted, latest first."""
    return visible(owner, Document).select_related("owner").order_by("-created_at", "-id")


def _require_place(owner: User, doc_type: str) -> None:
    latest = Document.objects.filter(owner=owner, doc_type=doc_type).newest_first().first()
    if latest is None:
        return
    if latest.status == Document.Status.PENDING:
        raise _already_pending()
    if latest.status == Document.Status.REJECTED and not latest.may_resubmit:
        raise Conflict("rejected-for-good", text_for_owner(latest))


def _already_pending() -> Conflict:
    return Conflict("already-pending", _("A document of this kind is waiting for review already."))
