"""Every background job, run twice and cut off anywhere: afterwards all is as if it had run once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from admin_dashboards.tables import background, limits
from apps.audit.actions import Action
from apps.audit.services import record
from apps.infra.files.renditions import FOLDER
from apps.moderation.cases import resolve_case
from apps.moderation.models import Strike
from apps.privacy import data_exports, erasures
from apps.privacy.models import DataExport, Erasure
from apps.stories.models import Story
from apps.tables.models import Transfer
from apps.transparency.keys import SigningKey
from apps.transparency.sequencing import Pass
from apps.transparency.sources import tables
from apps.users.models import Document
from apps.users.verification.review import review_document
from tests import factories, people
from tests.admin_dashboards.tables import transfers
from tests.console import EVENTS, console, upload_import
from tests.cutting import CutOff, Present, counted, files_undone
from tests.drawn import picture
from tests.jobs import arguments, waiting
from tests.undoing import undone

pytestmark = pytest.mark.django_db

MOST = 16
"""So many places at most where one job is cut off, evenly spread."""
AGAIN = {"users.mail_notice", "users.mail_decision", "users.send_reset_code"}
"""A mail is sent again where the job was cut off after it: it was handed over, and nobody knows."""
ELSEWHERE = {
    "ops.retry_stalled": "tests/apps/users/test_jobs.py, by a real worker",
    "procrastinate.builtin_tasks.remove_old_jobs": "of the library, and not in use",
    "builtin:procrastinate.builtin_tasks.remove_old_jobs": "the same, by its former name",
}
type Arguments = dict[str, Any]
CONTEXT = SimpleNamespace(additional_context={})
PERIODIC: Arguments = {"timestamp": 0}


def last_job(task: str) -> Arguments:
    return arguments(waiting(task)[-1])


# --- Work that is due ------------------------------------------------------------------------------------------------


def notice() -> Arguments:
    return {"user_id": people.alice().pk, "notice": "password_changed", "facts": {}}


def reset_code() -> Arguments:
    return {"user_id": people.alice().pk}


def stored_file() -> Arguments:
    name = default_storage.save("documents/card", ContentFile(b"card"))
    for page in (1, 2):
        default_storage.save(f"{FOLDER}/{name}/{page}", ContentFile(b"page"))
    return {"name": name}


def files_without_a_row() -> Arguments:
    for name in ("documents/card", "tables/list.part"):
        os.utime(default_storage.path(default_storage.save(name, ContentFile(b"card"))), (0, 0))
    return PERIODIC


def decided_document() -> Document:
    document = factories.make_document(people.alice())
    return review_document(people.compliance(), document.pk, verdict="approved")


def decision() -> Arguments:
    decided_document()
    return last_job("decisions.tell_people")


def decision_mail() -> Arguments:
    return {"document_id": decided_document().pk, "template": "document_approved", "text": "Welcome"}


def documents_to_inspect() -> Arguments:
    content = picture(size=(400, 300))
    one = factories.make_document(people.alice(), content)
    app.tasks["users.inspect_document"](document_id=one.pk)
    return {"document_id": factories.make_document(people.bob(), content).pk}


def documents_left_over() -> Arguments:
    factories.make_document(people.alice())
    gone = factories.make_document(people.bob())
    default_storage.delete(str(gone.file.name))
    return PERIODIC


def copy_of_data() -> Arguments:
    alice = people.alice()
    factories.make_story(alice)
    data_exports.request_copy(alice, password=people.PASSWORD)
    return last_job("privacy.make_copy")


def import_to_preview() -> Arguments:
    events = transfers.make_events(5)
    upload_import(console(transfers.manager()), transfers.file_of(events))
    return last_job("tables.run")


def import_to_apply() -> Arguments:
    events, client = transfers.make_events(5), console(transfers.manager())
    page = transfers.previewed(client, transfers.file_of(events))
    transfers.press(client, page, "confirm")
    return last_job("tables.run")


def export() -> Arguments:
    transfers.make_events(5)
    console(transfers.manager()).post(f"{EVENTS}export/", {"format": "0"})
    return last_job("tables.run")


def expired_transfer() -> Arguments:
    import_to_preview()
    Transfer.objects.update(expires_at=timezone.now() - timedelta(hours=1), status="cancelled")
    return PERIODIC


def tallied() -> Arguments:
    event = factories.make_event(people.alice())
    factories.make_story(event.host)
    return PERIODIC


def log_to_sign() -> Arguments:
    """In a log that holds all but two tables already: all that has come in since is in these and in a few others."""
    access = people.access()
    for table in list(tables().values())[2:]:
        Pass(table).step()
    record(access, Action.VIEWED, people.alice())
    return PERIODIC


def log_to_verify() -> Arguments:
    log_to_sign()
    app.tasks["transparency.checkpoint"](timestamp=0)
    return PERIODIC


def expired_stories() -> Arguments:
    alice = people.alice()
    for _ in range(3):
        factories.make_story(alice, hours_old=30)
    return PERIODIC


def reports_without_a_case() -> Arguments:
    alice, bob = people.alice(), people.bob()
    for host in (alice, people.carol()):
        factories.make_report(bob, "event", factories.make_event(host), host)
    return PERIODIC


def evidence_over() -> Arguments:
    alice = people.alice()
    case = factories.make_case(people.bob(), "story", factories.make_story(alice))
    resolve_case(people.community(), case.pk, outcomes=["removed"])
    Strike.objects.update(given_at=timezone.now() - timedelta(days=400), expires_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE decisions_decision SET made_at = now() - interval '400 days'")
    return PERIODIC


def due_erasure() -> Arguments:
    alice, bob = people.alice(), people.bob()
    factories.make_connection(alice, bob)
    factories.make_message(alice, bob)
    factories.make_event(alice)
    factories.make_story(alice)
    factories.make_document(alice)
    erasures.request_erasure(alice, password=people.PASSWORD)
    Erasure.objects.update(due_at=timezone.now())
    return PERIODIC


def erasure_for_the_ledger() -> Arguments:
    due_erasure()
    erasures.erase_due()
    return last_job("privacy.note_in_ledger")


def what_is_kept_no_longer() -> Arguments:
    document = decided_document()
    long_ago = timezone.now() - timedelta(days=4000)
    Document.objects.filter(pk=document.pk).update(decided_at=long_ago)
    story = factories.make_story(document.owner, hours_old=24 * 4000)
    Story.objects.filter(pk=story.pk).update(freed_at=long_ago)
    data_exports.request_copy(document.owner, password=people.PASSWORD)
    app.tasks["privacy.make_copy"](**last_job("privacy.make_copy"))
    DataExport.objects.update(expires_at=timezone.now())
    return PERIODIC


SCENES: dict[str, tuple[Callable[[], Arguments], ...]] = {
    "decisions.tell_people": (decision,),
    "moderation.let_go_of_evidence": (evidence_over,),
    "moderation.weigh_open": (reports_without_a_case,),
    "privacy.delete_file": (stored_file,),
    "privacy.delete_unowned": (files_without_a_row,),
    "privacy.erase_due": (due_erasure,),
    "privacy.make_copy": (copy_of_data,),
    "privacy.note_in_ledger": (erasure_for_the_ledger,),
    "privacy.purge_due": (what_is_kept_no_longer,),
    "stories.delete_file": (stored_file,),
    "stories.free_expired": (expired_stories,),
    "tables.purge": (expired_transfer,),
    "tables.run": (import_to_preview, import_to_apply, export),
    "tallies.fold": (tallied,),
    "transparency.checkpoint": (log_to_sign,),
    "transparency.verify": (log_to_verify,),
    "users.inspect_document": (documents_to_inspect,),
    "users.inspect_left_over": (documents_left_over,),
    "users.mail_decision": (decision_mail,),
    "users.mail_notice": (notice,),
    "users.send_reset_code": (reset_code,),
}
COSTLY = {"users.inspect_document": 6, "users.inspect_left_over": 5}
"""They draw pages in processes of their own."""


# --- Cut off ---------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _here(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.LOG_SIGNING_KEY = str(SigningKey.new("infloo.example/log"))
    settings.STORAGES = {name: each for name, each in settings.STORAGES.items() if not name.startswith("log_")}
    monkeypatch.setattr(limits, "IMPORTED_AT_ONCE", 3)
    monkeypatch.setattr(limits, "EXPORTED_AT_ONCE", 3)
    monkeypatch.setattr(background, "CHUNK", 2)


def run(task: str, given: Arguments) -> None:
    """As the worker does, what waits for a commit included."""
    job = app.tasks[task]
    already = len(connection.run_on_commit)
    if job.pass_context:
        job(CONTEXT, **given)
    else:
        job(**given)
    hooks, connection.run_on_commit[already:] = connection.run_on_commit[already:], []
    for _savepoints, hook, _robust in hooks:
        hook()


def clean_up() -> None:
    """Of the files of a step that was cut off, what runs every five minutes."""
    if Transfer.objects.exists():
        run("tables.purge", PERIODIC)


def cut_off(task: str, given: Arguments, last: int) -> None:
    with counted(last), pytest.raises(CutOff):
        run(task, given)
    del connection.run_on_commit[:]  # of what was committed: they ended with the process


def compared(task: str, present: Present) -> Counter[str]:
    clean_up()
    found = present.read()
    if task in AGAIN:
        return Counter({each: 1 if each.startswith("mail ") else count for each, count in found.items()})
    return found


@pytest.mark.parametrize(("task", "scene"), [(task, scene) for task, scenes in SCENES.items() for scene in scenes])
def test_a_job_does_its_work_once_wherever_it_ends(task: str, scene: Callable[[], Arguments]) -> None:
    given = scene()
    del connection.run_on_commit[:]
    present = Present()
    before = present.read()
    with undone(), files_undone():
        with counted() as steps:
            run(task, given)
        expected = compared(task, present)
        assert expected != before, "nothing was due"
        if task not in ("transparency.verify", "transparency.checkpoint"):
            run(task, given)
            found = compared(task, present)
            assert (found - expected, expected - found) == (Counter(), Counter()), "run twice"
    most = min(steps.count, COSTLY.get(task, MOST))
    for last in sorted({steps.count * number // most for number in range(most)}):
        with undone(), files_undone():
            cut_off(task, given, last)
            run(task, given)
            found = compared(task, present)
            assert (found - expected, expected - found) == (Counter(), Counter()), f"cut off before step {last}"


def test_every_job_is_cut_off() -> None:
    assert {task.name for task in app.tasks.values()} | app.tasks.keys() == SCENES.keys() | ELSEWHERE.keys()
