"""Files that no row names: a process was killed between storing a file and committing its row."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.infra.files.renditions import FOLDER
from apps.privacy import unowned_files
from apps.stories.models import Story
from apps.users.models import Document
from tests import people
from tests.factories import make_document, make_story

pytestmark = pytest.mark.django_db
OLD, NEW = timedelta(days=15), timedelta(days=13)


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def store(name: str, age: timedelta = OLD) -> str:
    kept = default_storage.save(name, ContentFile(b"card"))
    since = (timezone.now() - age).timestamp()
    os.utime(default_storage.path(kept), (since, since))
    return kept


def test_an_old_file_without_a_row_is_deleted_with_all_that_was_drawn_of_it() -> None:
    lost = store("documents/lost.png")
    drawn = store(f"{FOLDER}/{lost}/1")
    parts = [store(f"{folder}/lost.part") for folder in ("stories", "profiles", "tables", "data_exports")]
    assert unowned_files.delete_unowned() == 1 + len(parts)
    assert not any(map(default_storage.exists, [lost, drawn, *parts]))


def test_files_of_rows_and_new_ones_and_those_of_other_work_stay() -> None:
    alice = people.alice()
    named = [str(make_document(alice).file.name), str(make_story(alice).content_file.name)]
    assert Document.objects.get().file.name == named[0]
    assert Story.objects.get().content_file.name == named[1]
    for name in named:
        os.utime(default_storage.path(name), (0, 0))
    others = [store("documents/new.png", NEW), store("tables/list.csv"), store("erasures/1.json")]
    assert unowned_files.delete_unowned() == 0
    assert all(map(default_storage.exists, [*named, *others]))


def test_a_storage_that_may_not_be_listed_keeps_everything(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lost = store("documents/lost.png")
    monkeypatch.setattr(os, "scandir", lambda path: (_ for _ in ()).throw(PermissionError(path)))
    assert unowned_files.delete_unowned() == 0
    monkeypatch.undo()
    assert default_storage.exists(lost)
    assert "Files without a row are not looked for: documents cannot be listed." in caplog.text
