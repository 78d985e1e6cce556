"""Where files are kept: a folder or a bucket. What goes wrong there is said in one way, whichever it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.utils.translation import gettext as _

from apps.errors import Unavailable
from apps.infra import metrics

if TYPE_CHECKING:
    from django.core.files.base import File
    from django.db.models.fields.files import FieldFile

logger = logging.getLogger(__name__)

CHUNK = 64 * 1024
PART = ".part"

type Failures = tuple[type[Exception], ...]


@contextmanager
def asking(failures: Failures) -> Iterator[None]:
    """Raises `Unavailable` for whatever keeps the store from doing what it is asked, save that a file is missing."""
    try:
        yield
    except FileNotFoundError:
        raise
    except failures as error:
        metrics.STORAGE_FAILURES.inc()
        logger.warning("Storage fails: %s", error)
        raise Unavailable(
            "storage-away", _("Files cannot be stored or fetched at the moment. Try again later.")
        ) from error


class Asked(Storage):
    """A storage whose failures are `Unavailable`."""

    failures: Failures = (OSError,)

    def save(self, *args: Any, **options: Any) -> str:
        with asking(self.failures):
            return str(super().save(*args, **options))

    def open(self, *args: Any, **options: Any) -> Any:
        with asking(self.failures):
            return super().open(*args, **options)

    def delete(self, *args: Any, **options: Any) -> None:
        with asking(self.failures):
            super().delete(*args, **options)

    def listdir(self, *args: Any, **options: Any) -> tuple[list[str], list[str]]:
        with asking(self.failures):
            folders, files = super().listdir(*args, **options)
            return list(folders), list(files)

    def size(self, *args: Any, **options: Any) -> int:
        with asking(self.failures):
            return int(super().size(*args, **options))

    def get_modified_time(self, name: str) -> datetime:
        with asking(self.failures):
            return super().get_modified_time(name)


class Folder(Asked, FileSystemStorage):
    """A folder of this machine. As in a bucket, a file is there whole or not at all."""

    def _save(self, name: str, content: File[Any]) -> str:
        part = f"{name}.{uuid4().hex}{PART}"
        try:
            super()._save(part, content)  # type: ignore[misc]
            Path(self.path(part)).replace(self.path(name))
        except BaseException:
            with suppress(OSError):
                Path(self.path(part)).unlink()
            raise
        return name

    def part(self, name: str, start: int, length: int) -> Iterator[bytes]:
        """`length` bytes of a file from byte `start` on, in chunks."""
        source = self.open(name)
        source.seek(start)
        return _read(source, length)


def is_part(name: str) -> bool:
    """Whether this is a file that was not written to its end."""
    return name.endswith(PART)


def _read(source: Any, length: int) -> Iterator[bytes]:
    with source:
        while length > 0 and (chunk := source.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk


@contextmanager
def filed(file: FieldFile) -> Iterator[None]:
    """Store the file of a row that is saved inside the block; if that fails, the file goes again.

    Raises `Unavailable`.
    """
    file.save(str(file.name), file.file, save=False)
    try:
        yield
    except BaseException:
        discard(str(file.name))
        raise


def discard(name: str) -> None:
    """Delete a file that nothing refers to. Where that fails, there is a line in the log, and something else to say."""
    try:
        default_storage.delete(name)
    except Unavailable:
        logger.warning("The file %s belongs to no row and could not be deleted.", name)
