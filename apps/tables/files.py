"""The files of imports and exports, kept privately for as long as a row names them."""

from __future__ import annotations

from functools import partial
from typing import IO
from uuid import UUID, uuid4

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from apps.errors import Absent, Unavailable
from apps.infra.files.storage import discard
from apps.tables.models import Transfer

FOLDER = "tables"


class Stopped(Exception):
    """The transfer was cancelled, or another worker has done it: nothing is left to do."""


def store(content: File[bytes] | IO[bytes]) -> str:
    """Keep a file privately, by a name that cannot be guessed. Raises `Unavailable`."""
    return str(default_storage.save(f"{FOLDER}/{uuid4().hex}", content))


def store_of(transfer: Transfer, content: File[bytes]) -> str:
    """The same for the present step of a transfer. Raises `Stopped` where it was cancelled.

    The name is noted first, among the leftovers until the step ends: a file that no row names would never be deleted,
    and a worker may be killed at any moment.
    """
    name = f"{FOLDER}/{uuid4().hex}"
    with transaction.atomic():
        row = Transfer.objects.select_for_update().filter(pk=transfer.pk, status=transfer.status).first()
        if row is None:
            raise Stopped
        row.leftovers.append(name)
        row.save(update_fields=["leftovers"])
    return str(default_storage.save(name, content))


def read(name: str) -> bytes:
    """A kept file as a whole. Raises `Unavailable`, and `Absent` where it is gone."""
    try:
        with default_storage.open(name) as file:
            return bytes(file.read())
    except FileNotFoundError:
        raise Absent("absent", _("This file is no longer there.")) from None


@transaction.atomic
def abandon(transfer: Transfer, *names: str) -> None:
    """Files that a step has stored in vain: deleted once it is over, or by the next purge where storage is away."""
    row = Transfer.objects.select_for_update().filter(pk=transfer.pk).first()
    if row is None:
        for name in names:
            discard(name)
    else:
        delete_leftovers_later(row)


def delete_leftovers_later(row: Transfer) -> None:
    if row.leftovers:
        transaction.on_commit(partial(delete_leftovers, row.pk))


@transaction.atomic
def delete_leftovers(key: UUID) -> None:
    """Delete the files that a transfer needs no more; what storage does not delete keeps its name, for the purge.

    While a step is under way, its worker may still be storing some of them.
    """
    row = Transfer.objects.select_for_update(skip_locked=True).filter(pk=key).first()
    if row is None or row.is_at_work:
        return
    try:
        while row.leftovers:
            default_storage.delete(row.leftovers[-1])
            row.leftovers.pop()
    except Unavailable:
        pass
    row.save(update_fields=["leftovers"])
