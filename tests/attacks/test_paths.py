"""Ways out of a folder, in addresses and in the names of files: none leads to a file that is not meant."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.stories.models import Story
from tests.client import api
from tests.console import console
from tests.drawn import png
from tests.people import admin, alice

pytestmark = pytest.mark.django_db

UP = [
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "..\\",
    "..%5c",
    "....//",
    "..;/",
    "%252e%252e%252f",
    "//",
    "%00../",
    "./../",
]
TARGETS = {"manage.py": b"DJANGO_SETTINGS_MODULE", "pyproject.toml": b"[project]", "etc/passwd": b"root:"}
BEGINNINGS = [
    "/", "/media/", "/media/default.jpg/", "/static/", "/static/admin/", "/api/", "/api/docs/", "/admin/",
    "/admin/users/document/", "/admin/events/event/import/",
]  # fmt: skip


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


def test_no_address_leads_out_of_what_is_served() -> None:
    staff = console(admin())
    for beginning in BEGINNINGS:
        client = staff if beginning.startswith("/admin/") else Client()
        for up in UP:
            for target, part in TARGETS.items():
                address = f"{beginning}{up * 6}{target}"
                answer = client.get(address)
                assert answer.status_code in (301, 302, 400, 403, 404), address
                assert part not in content(answer), address


def test_a_file_is_stored_by_no_name_that_its_sender_gave() -> None:
    client = api(alice())
    for name in (
        "../../../manage.py",
        "/etc/passwd.png",
        "C:\\windows\\a.png",
        "a\r\nX-Evil: 1.png",
        ".htaccess",
        "a.php",
    ):
        answer = client.upload("/stories", content_file=SimpleUploadedFile(name, png(), "image/png"))
        assert answer.status_code in (201, 422), name
    stored = [story.content_file.name for story in Story.objects.all()]
    assert stored
    for name in stored:
        folder, _slash, own = name.partition("/")
        assert (folder, len(own), own[32:]) == ("stories", 36, ".png")
        assert int(own[:32], 16)
        assert default_storage.exists(name)
