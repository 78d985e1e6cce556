"""Copies of one's data, also while suspended."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.files.storage import default_storage
from django.http import StreamingHttpResponse
from ninja import Router, Status

from api.auth import EvenSuspended, Request
from api.errors import refusals
from api.schemas.privacy import DataExportOut, PasswordConfirmation
from apps.infra.client_address import counted_address
from apps.infra.limits import guesses
from apps.privacy import data_exports
from apps.privacy.models import DataExport

router = Router(auth=EvenSuspended())
CHUNK = 64 * 1024
ZIP = {
    "responses": {
        200: {
            "description": "A ZIP archive: JSON by subject, and the files.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}


@router.post("", response={202: DataExportOut, **refusals(409)}, operation_id="request_data_export")
def request_data_export(request: Request, body: PasswordConfirmation) -> Status[DataExport]:
    """Have a copy of all one's data made; a mail says when it is ready. One in 24 hours."""
    with guesses(counted_address(request.META), str(request.user.pk)):
        return Status(202, data_exports.request_copy(request.user, password=body.password))


@router.get("", response={200: DataExportOut, **refusals(404)}, operation_id="get_data_export")
def get_data_export(request: Request) -> DataExport:
    """The copy that was requested last."""
    return data_exports.last_copy(request.user)


@router.get("/file", response=refusals(404, 503), operation_id="fetch_data_export", openapi_extra=ZIP)
def fetch_data_export(request: Request) -> StreamingHttpResponse:
    """The copy itself, for seven days."""
    copy = data_exports.ready_copy(request.user)
    try:
        opened = default_storage.open(copy.file)
    except FileNotFoundError as error:
        raise data_exports.nothing_to_fetch() from error

    def chunks() -> Iterator[bytes]:
        with opened:
            while chunk := opened.read(CHUNK):
                yield chunk

    return StreamingHttpResponse(
        chunks(),
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="infloo-data.zip"', "Content-Length": str(copy.size)},
    )
