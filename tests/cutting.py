"""Jobs that are cut off anywhere: before a statement, before a file is written or deleted, before a mail is sent."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import is_password_usable
from django.core import mail
from django.core.files.storage import FileSystemStorage
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, models
from django.db.transaction import Atomic
from procrastinate.contrib.django.models import ProcrastinateJob

from apps.infra.files.storage import Folder

SAVEPOINTS = ("SAVEPOINT", "RELEASE", "ROLLBACK")
"""What ends with the process is rolled back by the database itself."""
DRAWN = re.compile(r"(?<='decision_id': )\d+|[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|_[A-Za-z0-9]{7}(?=\.|$)")
"""Parts of the names of files, and the ids of decisions in the arguments of jobs."""
HAS_ROWS = "SELECT '{0}' WHERE EXISTS (SELECT FROM {0})"
OTHER_EACH_TIME = {
    "procrastinate.ProcrastinateJob.attempts",
    "tables.Transfer.attempts",
    "tables.Transfer.audit_entry",
    "transparency.Checkpoint.note",
    "users.ResetCode.code_hash",
}


class CutOff(BaseException):
    """The process was killed."""


class Steps:
    """Counts what a job asks of the outside, and ends it before the `last` of it; from then on nothing is done."""

    def __init__(self, last: int | None = None) -> None:
        self.count, self.last = 0, last

    def take(self) -> None:
        if self.last is not None and self.count >= self.last:
            raise CutOff
        self.count += 1

    def statement(self, execute: Callable[..., Any], query: Any, params: Any, many: bool, context: Any) -> Any:
        if not str(query).startswith(SAVEPOINTS):
            self.take()
        return execute(query, params, many, context)

    def before(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*args: Any, **options: Any) -> Any:
            self.take()
            return original(*args, **options)

        return taken


def _with_a_savepoint(self: Atomic, using: str | None, savepoint: bool, durable: bool) -> None:
    """Each transaction of a job is a savepoint of the test's, which alone can be rolled back there."""
    _begin(self, using, True, durable)


_begin = Atomic.__init__


@contextmanager
def counted(last: int | None = None) -> Iterator[Steps]:
    steps = Steps(last)
    with (
        mock.patch.object(Atomic, "__init__", _with_a_savepoint),
        connection.execute_wrapper(steps.statement),
        mock.patch.object(Folder, "_save", steps.before(Folder._save)),
        mock.patch.object(FileSystemStorage, "delete", steps.before(FileSystemStorage.delete)),
        mock.patch.object(EmailBackend, "send_messages", steps.before(EmailBackend.send_messages)),
    ):
        yield steps


@contextmanager
def files_undone() -> Iterator[None]:
    """Put back the files of the storage and the mails as they were."""
    kept, sent = _files(), list(mail.outbox)
    try:
        yield
    finally:
        mail.outbox[:] = sent
        for path in _files().keys() - kept.keys():
            path.unlink()
        for path, (content, since) in kept.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, ns=(since, since))


def _files() -> dict[Path, tuple[bytes, int]]:
    paths = Path(settings.MEDIA_ROOT).rglob("*")
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths if path.is_file()}


# --- What is there ---------------------------------------------------------------------------------------------------


class Present:
    """All rows, files and mails, without the numbers that are given out, instants, and what is drawn at random."""

    def __init__(self) -> None:
        filled = _filled()
        self._known = {
            model: set(_rows(model).values_list("pk", flat=True)) if model in filled else set() for model in _models()
        }

    def read(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for model in _filled():
            fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
            for row in _rows(model).values_list(*(field.attname for field in fields)):
                values = {field.attname: self._value(field, value) for field, value in zip(fields, row, strict=True)}
                found[f"{model._meta.label} {values}"] += 1
        for path, (content, _) in _files().items():
            name = DRAWN.sub("…", str(path.relative_to(settings.MEDIA_ROOT)))
            found[f"file {name} {len(content) if not name.endswith('.zip') else ''}"] += 1
        for message in mail.outbox:
            found[f"mail {message.to} {message.subject}"] += 1
        return found

    def _value(self, field: Any, value: Any) -> Any:
        if value is None or isinstance(field, (models.DateTimeField, models.DateField, models.BinaryField)):
            return value is not None
        if isinstance(field, models.ForeignKey):
            known = self._known.get(field.related_model)
            return value if known is None or value in known else "new"
        if isinstance(field, models.FloatField) or str(field) in OTHER_EACH_TIME:
            return "…"
        if field.name == "id":  # of a version
            return value if value in self._known[field.model.instance_type] else "new"
        if field.name == "password" and not is_password_usable(value):
            return ""
        return DRAWN.sub("…", str(value))


def _filled() -> list[type[models.Model]]:
    """Those that have rows, which are few: one question for all, which is planned once in a session."""
    tables = {model._meta.db_table: model for model in _models()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_prepared_statements WHERE name = 'filled'")
        if not cursor.fetchall():
            cursor.execute(f"PREPARE filled AS {' UNION ALL '.join(HAS_ROWS.format(table) for table in tables)}")
        cursor.execute("EXECUTE filled")
        return [tables[table] for (table,) in cursor.fetchall()]


@cache
def _models() -> list[type[models.Model]]:
    ours = [model for model in apps.get_models(include_auto_created=True) if model.__module__.startswith("apps.")]
    return [*(model for model in ours if not model._meta.proxy), ProcrastinateJob]


def _rows(model: type[models.Model]) -> models.QuerySet[Any]:
    return model._base_manager.order_by()
