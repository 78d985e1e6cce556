"""Files that users send: which may come in, and in what form they are stored.

What a file is, its content says, never its name. Pictures are decoded under limits and drawn anew, which leaves
behind whatever else they carried; PDF files are checked by a bounded process and kept as they are but for
blanks around them, since they are evidence; videos are only recognised, never decoded here. Where there is a scanner
for malware, it sees each file first. Stored names are random.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from django.core.files.base import ContentFile, File
from django.utils.translation import gettext as _

from apps.errors import Invalid, TooLarge, WrongKind
from apps.infra.files.child_process import run_child
from apps.infra.files.images import Moves, TooManyPixels, drawn_anew
from apps.infra.files.kinds import HEAD, TAKEN_ELSEWHERE, Foreign, foreign, media_type_of_video
from apps.infra.files.malware import require_clean

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

MIB = 1024 * 1024
PICTURE_SIZE = DOCUMENT_SIZE = 10 * MIB
VIDEO_SIZE = 50 * MIB
# So many pictures are decoded at once, whatever the number of requests; `apps.infra.files.images` says what one takes.
_drawing = threading.BoundedSemaphore(2)

PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
ENDINGS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "video/mp4": "mp4",
    "video/webm": "webm",
}
# Editors, mail programs and web pages put blanks and byte order marks around a PDF; they are no part of it.
PDF_HEAD = re.compile(rb"(?:\xef\xbb\xbf|[\s\x00])*%PDF-")
PDF_PADDING = b" \t\r\n\v\f\x00\x1a\xef\xbb\xbf"
PDF_SECONDS = 10
PDF_MEMORY = 768 * MIB
PDF_PAGES = 50

type Upload = UploadedFile[bytes]


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that may be stored, under a name that says nothing."""

    file: File[bytes]
    media_type: str
    size: int
    sha256: str


def take_picture(upload: Upload, *, field: str = "image") -> Taken:
    """A PNG, JPEG or WebP of at most 10 MiB, drawn anew. Raises `TooLarge`, `WrongKind` or `Invalid`."""
    media_type = _kind(upload, [*PICTURES], field)
    return _redrawn(upload, media_type, field)


def take_document(upload: Upload, *, field: str = "file") -> Taken:
    """A picture or a PDF of at most 10 MiB. Raises `TooLarge`, `WrongKind` or `Invalid`."""
    media_type = _kind(upload, [*PICTURES, "application/pdf"], field)
    if media_type in PICTURES:
        return _redrawn(upload, media_type, field)
    content = _harmless_pdf(upload, field)
    return _taken(ContentFile(content), media_type, content)


def take_story(upload: Upload, *, field: str = "content_file") -> Taken:
    """A picture of at most 10 MiB, or an MP4 or WebM of at most 50. Raises `TooLarge`, `WrongKind` or `Invalid`."""
    media_type = _kind(upload, [*PICTURES, "video/mp4", "video/webm"], field)
    if media_type in PICTURES:
        return _redrawn(upload, media_type, field)
    return _as_it_is(upload, media_type)


def _kind(upload: Upload, kinds: list[str], field: str) -> str:
    """The media type, one of `kinds`, of a file within its size that a scanner, where there is one, has passed."""
    if not upload.size:
        raise Invalid("empty", _("The file is empty."), field=field)
    head = _bytes(upload, HEAD)
    media_type = _recognised(head, upload)
    largest = max(_size_limit(kind) for kind in kinds)
    if upload.size > largest:
        raise _too_large(largest, field)
    if media_type is None and "application/pdf" in kinds and b"%PDF-" in head:
        raise WrongKind("wrong-kind-of-file", _pdf_sentences()["leading"], field=field)
    if media_type not in kinds:
        is_elsewhere = TAKEN_ELSEWHERE.get(media_type or "")
        raise WrongKind("wrong-kind-of-file", _way_in(is_elsewhere or foreign(head, upload), kinds), field=field)
    if upload.size > _size_limit(media_type):
        raise _too_large(_size_limit(media_type), field)
    require_clean(upload, field=field)
    return media_type


def _way_in(found: Foreign | None, kinds: list[str]) -> str:
    """What a file is, what helps where that leads to one of `kinds`, and which these are."""
    sentences = []
    if found is not None:
        sentences.append(_("This is %(kind)s.") % {"kind": found.name})
        if any(kind.startswith(f"{found.becomes}/") for kind in kinds):
            sentences.append(str(found.way_out))
    names = ", ".join(ENDINGS[kind].upper() for kind in kinds)
    return " ".join([*sentences, _("Send one of these: %(kinds)s.") % {"kinds": names}])


def _recognised(head: bytes, upload: Upload) -> str | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if PDF_HEAD.match(head):
        return "application/pdf"
    return media_type_of_video(head, upload)


def _size_limit(media_type: str) -> int:
    return VIDEO_SIZE if media_type.startswith("video/") else PICTURE_SIZE


def _too_large(limit: int, field: str) -> TooLarge:
    message = _("The file is too large: at most %(size)d MiB are taken.") % {"size": limit // MIB}
    return TooLarge("too-large", message, field=field)


def _redrawn(upload: Upload, media_type: str, field: str) -> Taken:
    with _drawing:
        try:
            upload.seek(0)
            content = drawn_anew(upload.read(), PICTURES[media_type])
        except Moves as error:
            raise Invalid("animated", _("The picture moves. Send one that stands still."), field=field) from error
        except TooManyPixels as error:
            raise _too_many_pixels(error.most, field) from error
        # Decoders meet hostile files; whatever one raises means that the picture is broken.
        except Exception as error:
            raise Invalid("broken-file", _("The picture is broken. Send it again."), field=field) from error
    return _taken(ContentFile(content), media_type, content)


def _too_many_pixels(most: int, field: str) -> Invalid:
    message = _(
        "The picture has too many pixels: at most %(millions)d million are taken. "
        "Make it smaller, or send a screenshot of it."
    )
    return Invalid("too-many-pixels", message % {"millions": most // 1_000_000}, field=field)


def _harmless_pdf(upload: Upload, field: str) -> bytes:
    """The file without the blanks around it, checked. Raises `Invalid`."""
    upload.seek(0)
    content = _trimmed(upload.read())
    try:
        done = run_child("pdf_check", content, {"pages": PDF_PAGES}, seconds=PDF_SECONDS, memory=PDF_MEMORY)
        found = json.loads(done.stdout) if done.returncode == 0 else "broken"
    except subprocess.TimeoutExpired:
        found = "broken"
    if found is not None:
        raise Invalid(f"pdf-{found}", _pdf_sentences()[found], field=field)
    return content


def _trimmed(content: bytes) -> bytes:
    """From its head to the end of its last line.

    Readers look for the end within a few bytes of that of the file, so that what was padded would be read another way.
    """
    end = len(content.rstrip(PDF_PADDING))
    line_end = next((one for one in (b"\r\n", b"\n", b"\r") if content.startswith(one, end)), b"")
    return content[content.index(b"%PDF-") : end + len(line_end)]


def _pdf_sentences() -> dict[str, str]:
    return {
        "broken": _("The PDF file is broken or too complex. Print it to a new PDF, or send a picture."),
        "encrypted": _("The PDF file opens only with a password. Send one that opens without."),
        "active": _("The PDF file holds scripts, actions or attachments. Print it to a new PDF, or send a picture."),
        "trailing": _("The PDF file goes on after its end. Print it to a new PDF, or send a picture."),
        "leading": _("Something else stands in front of the PDF file. Print it to a new PDF, or send a picture."),
        "miscounted": _(
            "The PDF file does not hold the pages that it counts. Print it to a new PDF, or send a picture."
        ),
        "pages": _("The PDF file has too many pages: at most %(pages)d are taken.") % {"pages": PDF_PAGES},
    }


def _as_it_is(upload: Upload, media_type: str) -> Taken:
    digest = hashlib.sha256()
    upload.seek(0)
    for chunk in upload.chunks():
        digest.update(chunk)
    upload.seek(0)
    upload.name = _stored_name(media_type)
    return Taken(upload, media_type, upload.size or 0, digest.hexdigest())


def _taken(file: File[bytes], media_type: str, content: bytes) -> Taken:
    file.name = _stored_name(media_type)
    return Taken(file, media_type, len(content), hashlib.sha256(content).hexdigest())


def _stored_name(media_type: str) -> str:
    return f"{uuid4().hex}.{ENDINGS[media_type]}"


def _bytes(upload: Upload, count: int) -> bytes:
    upload.seek(0)
    return upload.read(count)
