"""What the tests of the audit log share: lines that a filter finds, on the page and in a file."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import openpyxl
from django.test import Client

from apps.users.models import Document
from apps.users.verification.review import review_document
from apps.users.verification.upload import send_document
from tests import people
from tests.drawn import png, upload

LOG = "/admin/access/audit/"
EXPORT = f"{LOG}export/"


def found(client: Client, /, **filters: Any) -> list[str]:
    """The lines that a filter finds, as sentences, latest first."""
    response = client.get(LOG, {name: str(value) for name, value in filters.items()})
    assert response.status_code == 200, response.content
    return lines_of(response)


def lines_of(response: Any) -> list[str]:
    lines = re.findall(r'<li id="line-[^"]*">(.*?)</time>', response.content.decode(), re.DOTALL)
    sentences = (re.sub(r"<[^>]*>", "", line.partition("<time")[0]) for line in lines)
    return [" ".join(sentence.split()) for sentence in sentences]


def exported(client: Client, form: str = "csv", /, **filters: Any) -> list[dict[str, str]]:
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    response = client.post(f"{EXPORT}?{query}", {"format": form})
    assert response.status_code == 200
    content = b"".join(response.streaming_content)
    if form == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    rows = list(openpyxl.load_workbook(io.BytesIO(content)).active.values)
    return [dict(zip(map(str, rows[0]), (str(cell or "") for cell in row), strict=True)) for row in rows[1:]]


def approved() -> Document:
    document = send_document(people.alice(), upload(png()), doc_type="identity")
    return review_document(people.compliance(), document.pk, verdict="approved")
