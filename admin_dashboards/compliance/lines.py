"""Documents in lists, and times, as text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.timezone import localtime

from admin_dashboards.links import link_to
from admin_dashboards.states import document_state, moment
from apps.users.models import Document


def document_line(document: Document) -> list[Any]:
    """The cells of a document in a section of a table."""
    return [
        link_to(document, f"#{document.pk}"),
        document.get_doc_type_display(),
        document_state(document),
        moment(document.created_at),
    ]


def exact(time: datetime) -> str:
    """The time with its date and year."""
    return date_format(localtime(time), "DATETIME_FORMAT")


def documents_of(documents: Iterable[Document]) -> str:
    """The documents in one line, each linked, with its status."""
    lines = (
        (link_to(document, f"#{document.pk} {document.get_doc_type_display()}"), document.get_status_display())
        for document in documents
    )
    return format_html_join(", ", "{} ({})", lines) or "–"
