"""The acts of a rehearsal on a database of its own: what is written before the crash, and what must be there after."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from apps.audit.actions import Action
from apps.audit.encryption import key_of
from apps.audit.history import save_as
from apps.audit.models import Entry
from apps.audit.services import record
from apps.infra.jobs import ORIGIN
from apps.privacy.erasures import carry_out
from apps.privacy.models import Erasure
from apps.transparency.jobs import checkpoint
from apps.users.models import User
from devtools.embedded.archiving import make_archive
from devtools.embedded.ownership import as_owner
from devtools.embedded.postgres import Postgres
from devtools.embedded.programs import path_of
from ops.recovery import checks
from ops.recovery.archive import Archive, Base
from ops.recovery.marks import Mark, make_mark
from ops.recovery.production import back_up
from ops.recovery.programs import Failed, Programs
from ops.recovery.rehearsal import Restored, restore_and_check


@dataclass(frozen=True, slots=True)
class Write:
    """A row that the database has acknowledged."""

    row: int
    at: datetime


@dataclass
class Drill:
    """On a running PostgreSQL with the settings of `rehearsal.archiving`, which this process's Django uses."""

    LOST_MOST = checks.LOST_MOST

    postgres: Postgres
    written: list[Write] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    lost: int = 0
    """Acknowledged writes that the restore has not."""
    lost_seconds: float = 0
    """From the oldest of them to the crash."""

    def __post_init__(self) -> None:
        self.archive = Archive(make_archive(self.postgres.home))
        self.programs = Programs(self._path_of, as_owner(self.postgres.home))

    def _path_of(self, name: str) -> str:
        try:
            return path_of(self.postgres.home, name)
        except StopIteration:  # of the system, such as tar
            return name

    def back_up(self) -> Base:
        checkpoint()
        return back_up(self.archive, self.programs)[0]

    def write(self) -> None:
        """Change, erase, and go on writing until the changes are archived; then erase once more, at the last moment."""
        early, late = self._people()
        self.before = make_mark()
        self._erase(early)
        checkpoint()
        self.after = make_mark()
        self._write_until_archived(self.after)
        checkpoint()
        self._erase(late)
        self.moved = self.after.moved()

    def destroy(self) -> None:
        """As a machine that burns: no process ends in order, and nothing of the data is left."""
        self.crashed_at = timezone.now()
        processes = self.postgres.remains()
        for process in processes:
            process.kill()
        self.postgres.wait_until_gone(processes)
        self.postgres.reap()
        connection.close()
        shutil.rmtree(self.postgres.data)

    def restore_latest(self) -> Restored:
        """Raises `Failed` where anything is missing that was written over a minute before the crash."""
        restored = self._restore(look=self._look_for_writes)
        checks.require_counts(self.after.counts, restored.counts, self.moved)
        return restored

    def restore_earlier(self) -> Restored:
        """To a time before the erasures. Raises `Failed` where any table has one row more or less."""
        restored = self._restore(self.before.at, look=self._require_erased)
        checks.require_counts(self.before.counts, restored.counts, {})
        return restored

    # --- Before the crash ---------------------------------------------------------------------------------------------

    def _people(self) -> list[User]:
        found = list(User.objects.filter(is_staff=False, documents__isnull=False).distinct().order_by("pk")[:2])
        if len(found) < 2:
            raise Failed("The data has no two users with documents.")
        return found

    def _erase(self, person: User) -> None:
        """With the ledger and the files, as the worker does it."""
        erasure = Erasure(person=person, due_at=timezone.now())
        save_as(None, erasure, action=Action.ERASURE_REQUESTED)
        carry_out(erasure.pk, though_kept=True)
        for job in ProcrastinateJob.objects.filter(task_name__startswith="privacy.", status="todo"):
            given = {name: value for name, value in job.args.items() if name != ORIGIN}
            if not _is_shared(given.get("name")):
                app.tasks[job.task_name](**given)
        self.erased.append(person.pk)

    def _write_until_archived(self, mark: Mark) -> None:
        file = self.archive.wal / f"{mark.segment}.gz"
        while not file.exists():
            entry = record(None, Action.VIEWED, rehearsal=len(self.written))
            self.written.append(Write(entry.pk, timezone.now()))
            if (self.written[-1].at - mark.at).total_seconds() > self.LOST_MOST:
                mark.wait_until_archived(self.archive)

    # --- After it -----------------------------------------------------------------------------------------------------

    def _restore(self, at: datetime | None = None, *, look: Callable[[], None]) -> Restored:
        restored = Restored()
        folder = self.postgres.home / "restored"
        restore_and_check(self.archive, self.programs, folder, restored, at, look)
        checks.require_files(restored.missing)
        return restored

    def _look_for_writes(self) -> None:
        self._require_erased()
        rows = [each.row for each in self.written]
        # Not those of erasures that were applied again, to which the numbers of lost rows are given once more.
        there = set(Entry.objects.filter(pk__in=rows, verb=Action.VIEWED).values_list("pk", flat=True))
        lost = [each for each in self.written if each.row not in there]
        if lost != self.written[len(self.written) - len(lost) :]:
            raise Failed("A write is missing, though later ones are there.")
        self.lost = len(lost)
        self.lost_seconds = (self.crashed_at - lost[0].at).total_seconds() if lost else 0
        if self.lost_seconds > self.LOST_MOST:
            raise Failed(
                f"Writes of {self.lost_seconds:.0f} s before the crash are lost: more than {self.LOST_MOST} s."
            )

    def _require_erased(self) -> None:
        """That the persons are erased, whatever the backup knew of them, and that no key of theirs came back."""
        names = User.objects.filter(pk__in=self.erased).values_list("pk", "username")
        done = Erasure.objects.filter(person__in=self.erased, status=Erasure.Status.DONE).count()
        for person, name in names:
            if not name.startswith("erased#") or key_of(person) is not None:
                raise Failed(f"User {person} was erased, and the restored database knows them.")
        if done != len(self.erased):
            raise Failed(f"{done} of {len(self.erased)} erasures were applied.")


def _is_shared(file: str | None) -> bool:
    """Whether other rows name the file too, which only data in bulk does."""
    return any(model._default_manager.filter(**{column: file}).exists() for model, column, _kept in checks.FILES)
