"""Pictures drawn once of files that strangers sent in, kept privately until the files go.

Large files take seconds to draw. What was drawn is unmarked and served to no viewer as it is: those who may view it
get it through the same permission, the same record and the same watermark as before.
"""

from __future__ import annotations

from contextlib import suppress

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile

from apps.errors import Unavailable
from apps.infra.files.rendering import MAX_SIDE, media_type_of, render_page

DRAWN_WITH = 2
"""Raise it when pages come to be drawn another way: what was drawn before is then drawn anew."""
FOLDER = "renditions"


def rendition(
    file: FieldFile, media_type: str, page: int = 1, *, max_side: int = MAX_SIDE, max_short: int = 0
) -> bytes:
    """A page of a stored file as `render_page` draws it, unmarked; drawn at the first call alone.

    Raises `Unrenderable`, `Unavailable`, and `OSError` or `ValueError` where there is no such file.
    """
    source = str(file.name)
    name = f"{_folder(source)}/{DRAWN_WITH}-{page}-{max_side}-{max_short}"
    kept = None
    # A bucket whose key may not list says no to what is not there.
    with suppress(OSError, Unavailable), default_storage.open(name) as opened:
        kept = bytes(opened.read())
    if kept is not None and _is_whole(kept):
        return kept
    with file.open("rb") as opened:
        content = opened.read()
    drawn = render_page(content, media_type, page, watermark="", max_side=max_side, max_short=max_short)
    # Shown whether it can be kept or not.
    with suppress(OSError, Unavailable):
        if kept is not None:
            default_storage.delete(name)
        _keep(name, drawn, source)
    return drawn


def _is_whole(drawn: bytes) -> bool:
    """Whether nothing is missing of a picture that `render_page` drew; a disk may have been full, or lost power."""
    if drawn.startswith(b"RIFF"):
        return len(drawn) == 8 + int.from_bytes(drawn[4:8], "little")
    return media_type_of(drawn) == "image/jpeg" and drawn.endswith(b"\xff\xd9")


def _keep(name: str, drawn: bytes, source: str) -> None:
    # What cannot be listed could not be deleted with its file either.
    with suppress(FileNotFoundError):
        default_storage.listdir(_folder(source))
    default_storage.save(name, ContentFile(drawn))
    try:
        default_storage.size(source)
    except FileNotFoundError:
        # It was deleted while this was being drawn.
        delete_file(source)


def delete_file(name: str) -> None:
    """Delete a stored file with all that was drawn of it. One that is gone already is no trouble."""
    default_storage.delete(name)
    folder = _folder(name)
    with suppress(FileNotFoundError):
        for kept in default_storage.listdir(folder)[1]:
            default_storage.delete(f"{folder}/{kept}")
        # Where folders are more than a part of names. Not empty: another process draws, and clears up later.
        with suppress(OSError, Unavailable):
            default_storage.delete(folder)


def _folder(name: str) -> str:
    return f"{FOLDER}/{name}"
