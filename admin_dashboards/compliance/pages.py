"""Pages of identity documents as images; browsers never get the file itself.

A page first requests an address that is valid for a minute, for one viewer and one image; then the image, watermarked
with the viewer, the document and the time. The page is rendered once and cached, the watermark each time. Each image
shown is an audit log entry.
"""

from __future__ import annotations

from contextlib import suppress

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.errors import Absent, Unavailable
from apps.infra.files.rendering import MAX_SHORT, MAX_SIDE, Unrenderable, media_type_of, render_page
from apps.infra.files.renditions import rendition
from apps.infra.media import Expired, read_signed, sign
from apps.users.models import Document, User
from apps.users.verification.duplicates import inspect_document
from apps.users.verification.viewing import record_profile_picture_view, record_view

FACE = 0
"""In place of a page's number: the profile picture of the owner, to compare."""
SMALL_SIDE = 480
PICTURE = "document-picture"


def page_count(document: Document) -> int:
    """How many pages there are to show; 1 where that is unknown, and its image says why."""
    if document.pages is None:
        # Its job has not come to it yet, nor can this while storage is away.
        with suppress(OSError, Unavailable):
            inspect_document(document.pk)
            document.refresh_from_db(fields=["pages", "letters_missing"])
    return document.pages or 1


def picture_address(viewer: User, document: Document, page: int, *, small: bool = False) -> str:
    """The address of one page for `viewer` alone, valid for a minute."""
    token = sign(PICTURE, viewer.pk, document.pk, page, int(small))
    return reverse("admin:users_document_picture", args=[document.pk, token])


def page_address(document: Document, page: int) -> str:
    """Where a page of the console asks for a new `picture_address` of one page."""
    return reverse("admin:users_document_page", args=[document.pk, page])


def page_addresses(viewer: User, document: Document) -> list[str]:
    return [picture_address(viewer, document, page) for page in range(1, page_count(document) + 1)]


def renewable_addresses(viewer: User, document: Document) -> list[tuple[str, str]]:
    """The address of each page, with the one that gives a new address once it has expired."""
    pages = enumerate(page_addresses(viewer, document), start=1)
    return [(address, page_address(document, page)) for page, address in pages]


def picture(viewer: User, document: Document, token: str, *, ahead: bool = False) -> HttpResponse:
    """The image at an address of `picture_address`. Raises `Absent` where it has expired or is not for `viewer`.

    `ahead`: fetched before it is shown.
    """
    page, small = _read(viewer, document, token)
    side, short = (SMALL_SIDE, 0) if small else (MAX_SIDE, MAX_SHORT)
    now = timezone.now().strftime("%Y-%m-%d %H:%M UTC")
    watermark = f"{viewer.username} · #{document.pk} · {now}"
    if page == FACE:
        record_profile_picture_view(viewer, document.pk)
    else:
        record_view(viewer, document.pk, reason=f"page {page}", ahead=ahead)
    try:
        if page == FACE:
            with document.owner.profile.image.open("rb") as opened:
                content = opened.read()
        else:
            content = rendition(document.file, document.media_type, page, max_short=MAX_SHORT)
        drawn = render_page(content, "image/*", 1, watermark=watermark, max_side=side, max_short=short)
    except Unrenderable as error:
        if error.code == "no-such-page":
            raise Http404 from error
        return _said(str(error))
    except Unavailable as error:
        return _said(str(error), 503)
    except (OSError, ValueError):  # a field without a file raises the latter
        return _said(_("The file is not in storage."))
    response = HttpResponse(drawn, content_type=media_type_of(drawn))
    response["Cache-Control"] = "private, no-store"
    response["Content-Disposition"] = "inline"
    return response


def _read(viewer: User, document: Document, token: str) -> tuple[int, bool]:
    expired = Absent("not-found", _("This address has expired, or was made for another user. Open the document again."))
    try:
        user_id, document_id, page, small = map(int, read_signed(PICTURE, token))
    except Expired as error:
        raise expired from error
    if (user_id, document_id) != (viewer.pk, document.pk):
        raise expired
    return page, bool(small)


def _said(sentence: str, status: int = 422) -> HttpResponse:
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
