"""Documents that prove who one is."""

from __future__ import annotations

from typing import Any

from ninja import File, Form, Query, Router, Status, UploadedFile

from api.auth import Request
from api.errors import refusals
from api.forms import only
from api.pagination import Page, Paging, paginate
from api.schemas.users import DocumentForm, DocumentOut
from api.throttles import uploads
from apps.infra.files.uploads import DOCUMENT_SIZE
from apps.users.models import Document
from apps.users.verification import upload

router = Router()


@router.post(
    "",
    response={201: DocumentOut, **refusals(409, 415, 503)},
    throttle=uploads("file", DOCUMENT_SIZE),
    operation_id="send_document",
)
def send_document(request: Request, file: File[UploadedFile], form: Form[DocumentForm]) -> Status[Document]:
    """PNG, JPEG, WebP or PDF, at most 10 MiB. One pending of a kind at a time.

    `legal_name` is the person's or company's name as the document should state it; reviewers compare the two.
    """
    only(request, "file", "doc_type", "legal_name")
    return Status(201, upload.send_document(request.user, file, **form.model_dump()))


@router.get("", response={200: Page[DocumentOut]}, operation_id="list_own_documents")
def list_documents(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    """One's own, newest first."""
    return paginate(request, upload.documents_of(request.user), paging)
