"""Writes the log outside the database: hashes and checkpoints alone, in the form of C2SP tlog-tiles.

checkpoint              the latest
checkpoints/<size>      each of them, and <size>.tsr with its time stamp
tile/<level>/<number>   hashes of the tree
tile/entries/<number>   salted hashes of rows
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.utils import timezone

from apps.errors import Conflict, DomainError
from apps.transparency.checkpoints import require_extended
from apps.transparency.models import Checkpoint, Leaf, Publication
from apps.transparency.sending import post
from apps.transparency.sequencing import read_tile
from infloo_verify import HASH, TILE, Unreadable, tile_path
from infloo_verify import Checkpoint as Note

logger = logging.getLogger(__name__)


def stores() -> Mapping[str, Storage]:
    """The folder and the bucket that the settings name, by what they are called."""
    return {name.removeprefix("log_"): storages[name] for name in settings.STORAGES if name.startswith("log_")}


def publish(checkpoint: Checkpoint) -> list[Publication]:
    """Write the log up to a checkpoint to every place of the settings. Where one fails, it is tried anew next time."""
    writers: dict[str, Callable[[Checkpoint, int], None]] = {
        name: partial(_write, store) for name, store in stores().items()
    }
    if settings.LOG_WEBHOOK:
        writers["webhook"] = _send
    return [_published(name, write, checkpoint) for name, write in writers.items()]


def _published(name: str, write: Callable[[Checkpoint, int], None], checkpoint: Checkpoint) -> Publication:
    known, _made = Publication.objects.get_or_create(place=name)
    try:
        write(checkpoint, known.size)
    except (DomainError, OSError, Unreadable) as error:
        known.error = str(error)
        logger.error("The log cannot be written to the %s: %s", name, error)
    else:
        known.size, known.at, known.error = checkpoint.size, timezone.now(), ""
    known.save()
    return known


def _send(checkpoint: Checkpoint, since: int) -> None:
    post(settings.LOG_WEBHOOK, checkpoint.note.encode(), "text/plain; charset=utf-8")


def published(store: Storage, name: str = "checkpoint") -> Note | None:
    """A checkpoint that is at a place; None where there is none. Raises `Unavailable`, and `Unreadable`."""
    try:
        with store.open(name) as file:
            return Note.read(file.read().decode("utf-8", "replace"))
    except FileNotFoundError:
        return None


def _write(store: Storage, checkpoint: Checkpoint, since: int) -> None:
    """Raises `Conflict` where the place has a checkpoint that this log has not grown from: it stays, as evidence."""
    there = published(store)
    if there is not None:
        require_extended(there)
        if there.size > checkpoint.size:
            return  # another process was faster
        since = min(since, there.size)
    else:
        since = 0
    size, level = checkpoint.size, 0
    while size:
        for number, width in _changed(since, size):
            store.save(tile_path(level, number, width), ContentFile(read_tile(level, number)[: width * HASH]))
            if level == 0:
                store.save(tile_path("entries", number, width), ContentFile(_entries(number, width)))
        since, size, level = since // TILE, size // TILE, level + 1
    if checkpoint.timestamp is not None:
        store.save(f"checkpoints/{checkpoint.size}.tsr", ContentFile(bytes(checkpoint.timestamp)))
    for name in (f"checkpoints/{checkpoint.size}", "checkpoint"):
        store.save(name, ContentFile(checkpoint.note.encode()))


def _changed(since: int, size: int) -> list[tuple[int, int]]:
    """The tiles of a level that grew from `since` to `size` hashes, by number and width."""
    if since == size:
        return []
    return [(number, min(TILE, size - number * TILE)) for number in range(since // TILE, -(-size // TILE))]


def _entries(number: int, width: int) -> bytes:
    rows = Leaf.objects.filter(index__gte=number * TILE, index__lt=number * TILE + width).order_by("index")
    entries = [bytes(entry) for entry in rows.values_list("commitment", flat=True)]
    if len(entries) != width:
        raise Conflict("log-cut", f"The log has {len(entries)} of the {width} lines from {number * TILE} on.")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
