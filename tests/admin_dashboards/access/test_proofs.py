"""The page that says how far the log has come, and the proof of one line as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission

from apps.audit.actions import Action
from apps.audit.log import LogFilter, lines
from apps.audit.models import Entry
from apps.audit.services import record
from apps.transparency.jobs import checkpoint, verify_log
from apps.transparency.keys import signing_key
from apps.upkeep.services import note_rehearsal, note_success
from infloo_verify import Proof
from tests import people
from tests.console import console

pytestmark = pytest.mark.django_db

STATE, PROOF, LOG = "/admin/access/audit/state/", "/admin/access/audit/proof/", "/admin/access/audit/"


@pytest.fixture(autouse=True)
def _own_log(settings: object, tmp_path: Path) -> None:
    stores = settings.STORAGES
    log = stores["log_folder"] | {"OPTIONS": {"location": str(tmp_path / "log"), "allow_overwrite": True}}
    settings.STORAGES = stores | {"log_folder": log}


def test_the_page_says_how_far_the_log_has_come() -> None:
    client = console(people.access())
    empty = client.get(STATE).content.decode()
    assert "None yet. The worker signs one" in empty
    assert "Nowhere yet" in empty
    assert "No backup yet" in empty
    assert "No restore was rehearsed yet" in empty
    made = checkpoint()
    assert made is not None
    verify_log()
    record(None, Action.VIEWED)
    shown = client.get(STATE).content.decode()
    assert f"{made.size} lines" in shown
    assert "<strong>folder</strong>" in shown
    assert "In order" in shown
    assert "wait to be added" in shown or "One row waits" in shown
    assert STATE in client.get(LOG).content.decode()
    assert PROOF not in client.get(LOG).content.decode()
    result = {"lost_seconds": 12.3, "seconds": 40, "size": 2**30, "rows": 5000, "lines": 3, "erased": 0}
    note_success("backup")
    note_rehearsal(**result, steps={"unpack the base backup": 1.25})
    shown = client.get(STATE).content.decode()
    assert "Last backup" in shown
    assert "The last rehearsal of a restore had everything" in shown
    assert "A crash would have cost 12 s of changes" in shown
    assert "Unpack the base backup" in shown
    note_rehearsal(**result, finding="audit_entry has 3 rows, and had 4.")
    failed = client.get(STATE).content.decode()
    assert "The last rehearsal of a restore failed:" in failed
    assert "audit_entry has 3 rows, and had 4." in failed


def test_the_proof_of_a_line_is_a_file_and_an_entry() -> None:
    zoe = people.access()
    zoe.user_permissions.add(Permission.objects.get(codename="export_proof"))
    entry = record(zoe, Action.VIEWED, zoe)
    client = console(zoe)
    [key, *_] = lines(LogFilter(actor=zoe.pk, action=Action.VIEWED), 1)
    early = client.post(PROOF, {"line": str(key)}, follow=True)
    assert "Try again in a minute" in early.content.decode()
    checkpoint()
    assert f'value="{key}"' in client.get(LOG).content.decode()
    answer = client.post(PROOF, {"line": str(key)})
    assert answer["Content-Disposition"] == f'attachment; filename="proof-audit.entry-{entry.pk}.json"'
    proof = Proof.read(answer.content.decode())
    assert proof.check([signing_key().public]).origin == "infloo.localhost/log"
    assert ["id", str(entry.pk)] == proof.columns[0]
    [export] = Entry.objects.filter(verb=Action.EXPORTED, actor=zoe)
    assert export.detail == {"table": "audit.entry", "rows": 1, "about": f"proof of {entry.pk}"}
    assert client.post(PROOF, {"line": "nonsense"}, follow=True).status_code == 200
