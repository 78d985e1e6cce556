"""Imports and exports in the background: started, cancelled and confirmed by their user, carried out by the worker.

What they do to a table is not known here: the console's jobs read and write the files.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateWorker

from apps.audit.context import origin
from apps.errors import Absent, Conflict
from apps.infra import valkey
from apps.infra.files.storage import discard
from apps.tables.files import Stopped, delete_leftovers_later, store
from apps.tables.models import Transfer

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apps.users.models import User

AT_ONCE = 3
"""How many unfinished transfers one user may have."""
MAX_ATTEMPTS = 3
"""How often a step is begun anew after its worker died or storage failed."""
HEARTBEAT = timedelta(minutes=1)
"""A worker lives as long as its last sign of life is no older."""
TASK = "tables.run"
_LASTS = 3600


def start_import(owner: User, table: str, *, content: bytes, file_name: str) -> Transfer:
    """Keep an uploaded file privately, for the worker to read. Raises `Unavailable`, `Conflict`."""
    return _start(owner, Transfer.Kind.IMPORT, table, content=content, file_name=file_name[-200:])


def start_export(owner: User, table: str, *, query: str, file_format: str, file_name: str, rows: int) -> Transfer:
    """Have the worker write the rows of a list into a file; `rows`: how many there are about. Raises `Conflict`."""
    return _start(
        owner, Transfer.Kind.EXPORT, table,
        query=query, file_format=file_format, file_name=file_name[-200:], rows_total=rows,
    )  # fmt: skip


def _start(owner: User, kind: Transfer.Kind, table: str, *, content: bytes | None = None, **fields: object) -> Transfer:
    where = origin()
    _require_room(owner)
    # Before anything is locked: storage may take its time.
    source = store(ContentFile(content)) if content is not None else ""
    try:
        with transaction.atomic():
            get_user_model()._default_manager.select_for_update(no_key=True).get(pk=owner.pk)  # one start at a time
            _require_room(owner)
            transfer = Transfer(owner=owner, kind=kind, table=table, source=source, **fields)
            transfer.request_id, transfer.address = where.request_id, where.address
            transfer.save(force_insert=True)
            _ask_worker(transfer)
    except BaseException:
        if source:
            discard(source)
        raise
    return transfer


def _require_room(owner: User) -> None:
    if unfinished_of(owner).count() >= AT_ONCE:
        raise Conflict(
            "too-many-transfers",
            _("You have %d imports or exports under way. Finish or cancel one of them first.") % AT_ONCE,
        )


def unfinished_of(owner: User) -> QuerySet[Transfer]:
    """The unfinished imports and exports of `owner`, of any table; the latest first."""
    return Transfer.objects.filter(owner=owner).unfinished().order_by("-created_at")


def transfer_of(owner: User, key: str, *, kind: Transfer.Kind, table: str) -> Transfer:
    """The import or export of `owner`. Raises `Absent`, for those of other users as well."""
    try:
        found = Transfer.objects.filter(pk=UUID(key), owner=owner, kind=kind, table=table).first()
    except ValueError:
        found = None
    if found is None:
        raise Absent("absent", _("There is no such import or export here any more, or it is not yours."))
    return found


def confirm_import(owner: User, transfer: Transfer) -> Transfer:
    """Have the worker apply what was previewed, once: the second raises `Conflict`."""
    with transaction.atomic():
        transfer = _locked(transfer.pk, owner=owner)
        transfer.confirm()
        transfer.save()
        _ask_worker(transfer)
    return transfer


def cancel(owner: User, transfer: Transfer) -> Transfer:
    """Stop it; the worker notices at the next chunk, and changes nothing. Raises `Conflict` where it is over."""
    with transaction.atomic():
        transfer = _locked(transfer.pk, owner=owner)
        transfer.cancel()
        _forget_files(transfer)
    return transfer


# --- The worker ------------------------------------------------------------------------------------------------------


def begin(key: str) -> Transfer:
    """Take the present step. Raises `Stopped` where there is none, or where it was begun too often."""
    with transaction.atomic():
        transfer = Transfer.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=key).first()
        if transfer is None or not transfer.is_at_work:
            raise Stopped
        if transfer.attempts >= MAX_ATTEMPTS or transfer.owner is None:
            fail(transfer, _("The worker stopped in the middle of it several times. Nothing was changed."))
            stopped = True
        else:
            transfer.begin()
            transfer.save()
            stopped = False
    if stopped:
        raise Stopped
    return transfer


def note_progress(transfer: Transfer, rows_done: int, *, rows_total: int | None = None) -> None:
    """Say how far it is, outside of a transaction. Raises `Stopped` where it was cancelled meanwhile."""
    values = {"rows_done": rows_done, "progress_at": timezone.now()}
    if rows_total is not None:
        values["rows_total"] = rows_total
    if not Transfer.objects.filter(pk=transfer.pk, status=transfer.status).update(**values):
        raise Stopped


def note_applied(transfer: Transfer, rows_done: int) -> None:
    """The same in the middle of the transaction that applies an import, which no other connection can read: in Valkey.

    Raises `Stopped` where it was cancelled meanwhile.
    """
    if not Transfer.objects.filter(pk=transfer.pk, status=transfer.status).exists():
        raise Stopped
    try:
        with valkey.asked() as client:
            client.set(_progress_key(transfer), rows_done, ex=_LASTS)
    except valkey.Away:
        pass  # the page shows less


def rows_applied(transfer: Transfer) -> int | None:
    """How many rows of an import are applied so far; None where that is not known."""
    try:
        with valkey.asked() as client:
            return int(client.get(_progress_key(transfer)) or 0)  # type: ignore[arg-type]
    except valkey.Away:
        return None


def offer(transfer: Transfer, *, preview: str, result: str) -> None:
    """The preview is there to be confirmed."""
    _finish(transfer, Transfer.offer, preview=preview, result=result)


def reject(transfer: Transfer, sentence: str, *, preview: str = "", result: str = "") -> None:
    """It cannot go on, and `sentence` says why; nothing was changed."""
    _finish(transfer, lambda row: row.fail(sentence), preview=preview, result=result)


def complete(transfer: Transfer, *, audit_entry: int, result: str = "") -> None:
    """It is done; of an import, in the transaction that has applied it. Raises `Stopped` where it was cancelled."""
    _finish(transfer, Transfer.complete, result=result, audit_entry=audit_entry)


@transaction.atomic
def _finish(transfer: Transfer, leave: Callable[[Transfer], None], **found: object) -> None:
    """Leave the present state with what the worker has found: counts from `transfer`, and `found`."""
    row = _locked(transfer.pk)
    if row.status != transfer.status:
        raise Stopped
    for name in ("rows_total", "rows_done", "rows_changed", "rows_unchanged", "rows_invalid"):
        setattr(row, name, getattr(transfer, name))
    for name, value in found.items():
        if value:
            setattr(row, name, value)
    row.leftovers = [name for name in row.leftovers if name not in (row.preview, row.result)]
    try:
        leave(row)
    except Conflict:
        raise Stopped from None
    if not row.is_unfinished:
        row.forget("source")
    row.save()
    delete_leftovers_later(row)


def may_retry(transfer: Transfer) -> bool:
    """Whether a step that storage has kept from going on is begun once more."""
    return transfer.attempts < MAX_ATTEMPTS


def worker_is_running() -> bool:
    """Whether any worker has given a sign of life in the last minute."""
    return ProcrastinateWorker.objects.filter(last_heartbeat__gte=timezone.now() - HEARTBEAT).exists()


def fail(row: Transfer, sentence: str) -> None:
    """End a locked transfer that cannot go on, and delete its files on commit; `sentence` says why."""
    row.fail(sentence)
    _forget_files(row)


def _forget_files(row: Transfer) -> None:
    """Save a transfer that is over without what it has kept, which goes once that is certain."""
    row.forget("source", "preview", "result")
    row.save()
    delete_leftovers_later(row)


def _locked(key: UUID, owner: User | None = None) -> Transfer:
    rows = Transfer.objects.select_for_update().filter(pk=key)
    row = (rows if owner is None else rows.filter(owner=owner)).first()
    if row is None:
        raise Absent("absent", _("There is no such import or export here any more, or it is not yours."))
    return row


def _ask_worker(transfer: Transfer) -> None:
    # One at a time of each user, so that none keeps the worker from all other jobs.
    lock = f"tables.{transfer.owner_id}"
    app.configure_task(TASK, allow_unknown=False, queue="tables", lock=lock).defer(key=str(transfer.pk))


def _progress_key(transfer: Transfer) -> str:
    return f"transfer:{transfer.pk}"
