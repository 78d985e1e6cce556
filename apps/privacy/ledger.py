"""The ledger of erasures: a file for each, kept beside the media and not in the database.

A database that is restored from an older backup has no knowledge of what was erased since. The ledger has, and
`reapply` erases it again before anything is served.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from apps.privacy.models import Erasure
from apps.users.models import User

FOLDER = "erasures"


# As of files that have to go: some sixteen days.
@app.task(name="privacy.note_in_ledger", queue="files", retry=RetryStrategy(max_attempts=10, exponential_wait=4))
def note_in_ledger(*, erasure_id: int) -> None:
    """Write the erasure into the ledger; again is no trouble."""
    erasure = Erasure.objects.select_related("person").filter(pk=erasure_id).first()
    if erasure is None or erasure.ended_at is None:
        return
    line = {
        "reference": str(erasure.reference),
        "person": erasure.person_id,
        "joined": erasure.person.date_joined.isoformat(),
        "erased_at": erasure.ended_at.isoformat(),
    }
    name = f"{FOLDER}/{erasure.reference}.json"
    default_storage.delete(name)
    default_storage.save(name, ContentFile(json.dumps(line).encode()))


def note_later(erasure: Erasure) -> None:
    """Write it once the present transaction is committed."""
    note_in_ledger.defer(erasure_id=erasure.pk)


def unknown_erasures() -> Iterator[Erasure]:
    """The erasures of the ledger that the database does not know, unsaved, due, of accounts that it has.

    An account is the one that was erased if it has joined at the same instant: ids may be given out again after a
    restore.
    """
    known = {
        str(each) for each in Erasure.objects.filter(status=Erasure.Status.DONE).values_list("reference", flat=True)
    }
    for name in _files():
        if name.removesuffix(".json") in known:
            continue
        with default_storage.open(f"{FOLDER}/{name}") as file:
            line: dict[str, Any] = json.load(file)
        joined = datetime.fromisoformat(line["joined"])
        if (person := User.objects.filter(pk=line["person"], date_joined=joined).first()) is not None:
            yield Erasure(reference=line["reference"], person=person, due_at=timezone.now())


def _files() -> list[str]:
    try:
        return [name for name in default_storage.listdir(FOLDER)[1] if name.endswith(".json")]
    except FileNotFoundError:
        return []
