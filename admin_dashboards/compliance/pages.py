"""Pages of identity documents as pictures; the file itself never leaves for a browser."""

from __future__ import annotations

from contextlib import suppress

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.rendering import Unrenderable, render_page
from apps.users.documents import look_at_document
from apps.users.likeness import inspect_document
from apps.users.models import Document, User


def page_count(document: Document) -> int:
    """How many pages there are to show; one where that cannot be told, whose place then says why."""
    if document.pages is None:
        # Its job has not come to it yet.
        with suppress(OSError):
            inspect_document(document.pk)
            document.refresh_from_db(fields=["pages"])
    return document.pages or 1


def page_picture(viewer: User, document: Document, page: int) -> HttpResponse:
    """One page, with who looks at it and when drawn across. Each look is an audit entry."""
    look_at_document(viewer, document.pk, reason=f"page {page}")
    now = timezone.now().strftime("%Y-%m-%d %H:%M UTC")
    watermark = f"{viewer.username} · #{document.pk} · {now}"
    try:
        picture = render_page(_content(document), document.media_type, page, watermark=watermark)
    except Unrenderable as error:
        if error.code == "no-such-page":
            raise Http404 from error
        return HttpResponse(str(error), status=422, content_type="text/plain; charset=utf-8")
    except OSError:
        return HttpResponse(_("The file is not in storage."), status=422, content_type="text/plain; charset=utf-8")
    response = HttpResponse(picture, content_type="image/webp")
    response["Cache-Control"] = "private, no-store"
    response["Content-Disposition"] = "inline"
    return response


def _content(document: Document) -> bytes:
    with document.file.open("rb") as file:
        return file.read()  # type: ignore[no-any-return]
