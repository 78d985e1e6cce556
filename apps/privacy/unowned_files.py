"""Files that no row names: what a process left that was killed after it stored one and before its row was there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import batched

from django.core.files.storage import default_storage
from django.db.models import FileField, Model
from django.utils import timezone

from apps.errors import Unavailable
from apps.infra.files import renditions
from apps.infra.files.storage import is_part
from apps.privacy.data_exports import FOLDER as COPIES
from apps.stories.models import Story
from apps.tables.files import FOLDER as TRANSFERS
from apps.users.models import Document, Profile

logger = logging.getLogger(__name__)

AGE = timedelta(days=14)
"""Longer than a backup is kept: a database restored to before a file was stored does not name it, and may go forward
again."""
AT_ONCE = 1000
NAMED: tuple[tuple[type[Model], str], ...] = ((Document, "file"), (Story, "content_file"), (Profile, "image"))
"""The columns whose folders hold what they name and nothing else."""


def delete_unowned(is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Delete files of users, and parts of files, that no row has named for `AGE`; returns how many.

    Lists the whole storage. Where it may not be listed, nothing is deleted, and a line of the log says so.
    """
    before, deleted = timezone.now() - AGE, 0
    for name in _unowned():
        if is_stopping():
            break
        try:
            if default_storage.get_modified_time(name) < before:
                renditions.delete_file(name)
                deleted += 1
        except (FileNotFoundError, Unavailable):
            continue  # by now it is whole, or deleted; or it is for the next week
    return deleted


def _unowned() -> Iterator[str]:
    for model, column in NAMED:
        for names in batched(_listed(_folder(model, column)), AT_ONCE):
            rows = model._base_manager.filter(**{f"{column}__in": names})
            yield from sorted(set(names) - set(rows.values_list(column, flat=True)))
    for folder in (COPIES, TRANSFERS):
        yield from filter(is_part, _listed(folder))


def _folder(model: type[Model], column: str) -> str:
    field = model._meta.get_field(column)
    assert isinstance(field, FileField)
    return str(field.upload_to)


def _listed(folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]]
    except FileNotFoundError:
        return []
    except Unavailable:
        logger.warning("Files without a row are not looked for: %s cannot be listed.", folder)
        return []
