"""Imports and exports, in the request and in the background step by step: uploaded, run, previewed, answered."""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from urllib.parse import urlsplit

import openpyxl
from django.core.files.storage import default_storage
from django.test import Client
from guardian.shortcuts import assign_perm
from procrastinate.contrib.django import app

from apps.events.models import Event
from apps.tables.models import Transfer
from apps.users.models import User
from tests import people
from tests.console import EVENTS, upload_import
from tests.factories import make_event
from tests.jobs import arguments, forget, waiting

CSV, XLSX = "0", "1"
TABLES = [
    "users/document", "users/user", "users/profile", "stories/story", "events/event", "chat/message",
    "moderation/report", "connections/connection", "notifications/notification", "auth/group", "users/staff",
    "users/session",
]  # fmt: skip
POLL = {"X-Poll": "1"}
Status = Transfer.Status


def manager(name: str = "importer") -> User:
    staff = people.make_staff(name, "Community Manager")
    for perm in ("events.export_event", "events.import_event"):
        assign_perm(perm, staff)
    return staff


def make_events(count: int, host: User | None = None) -> list[Event]:
    host = host or people.alice()
    return [make_event(host, f"Event {number}") for number in range(count)]


def file_of(events: list[Event], title: str = "Renamed {}") -> str:
    return "id,title\n" + "".join(f"{event.pk},{title.format(event.pk)}\n" for event in events)


def page_of(answer: Any) -> str:
    """The address of the transfer's page that a form led to."""
    assert answer.status_code == 302, answer.content.decode()
    address = urlsplit(answer["Location"]).path
    assert re.fullmatch(rf"{EVENTS}(import|export)/[0-9a-f-]{{36}}/", address), address
    return address


def run_transfers() -> int:
    """The jobs of imports and exports that wait now, as the worker runs them."""
    jobs = waiting("tables.run")
    forget("tables.run")
    for job in jobs:
        app.tasks[job.task_name](**arguments(job))
    return len(jobs)


def progress_of(answer: Any) -> dict[str, str]:
    """The status that a page or a poll of a transfer shows; while it runs, the rows done and the total as well."""
    found = re.search(r'data-transfer="(?P<status>\w+)"', answer.text)
    assert found, answer.text
    bar = re.search(
        r'<progress .*max="(?P<total>\d+)" value="(?P<done>\d+)">(?P<sentence>[^<]*)</progress>', answer.text
    )
    return found.groupdict() | (bar.groupdict() if bar else {})


def status_of(client: Client, page: str) -> str:
    return progress_of(client.get(page))["status"]


def previewed(client: Client, text: str | bytes) -> str:
    page = page_of(upload_import(client, text))
    run_transfers()
    return page


def press(client: Client, page: str, action: str) -> Any:
    return client.post(page, {"action": action}, follow=True)


def kept_files() -> set[str]:
    try:
        return set(default_storage.listdir("tables")[1])
    except FileNotFoundError:
        return set()


def exporter(*perms: str) -> User:
    staff = people.make_staff("exporter", "Community Manager", "User Support Specialist")
    for perm in perms:
        assign_perm(perm, staff)
    return staff


def importer() -> User:
    staff = exporter("events.export_event", "events.import_event")
    staff.username = "importer"
    staff.save()
    return staff


def rows_of(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def csv_of(client: Client) -> str:
    """The export as a spreadsheet program reads it: Excel takes CSV for UTF-8 where it begins so."""
    content = client.post(f"{EVENTS}export/", {"format": CSV}).content
    assert content.startswith(b"\xef\xbb\xbf")
    return str(content.decode("utf-8-sig"))


def confirm(client: Client, preview: Any) -> Any:
    form = preview.context["confirm_form"]
    return client.post(f"{EVENTS}process_import/", form.initial, follow=True)


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(file := io.BytesIO())
    return file.getvalue()
