"""The details on a document compared with its account: a panel at the desk, read-only in the table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.states import label
from apps.infra.ids import parse_id
from apps.users.models import DOCUMENT_NAME_LENGTH, Document, DocumentDetails, User
from apps.users.verification.details import NUMBER_LENGTH, Line, Outcome, compare_details, record_details
from apps.users.verification.matching import Matches

VERSION = "details_version"
"""The field that says which details the form showed."""
OUTCOME_LABELS = {
    "match": ("check_circle", "good"),
    "adult": ("check_circle", "good"),
    "valid": ("check_circle", "good"),
    "not_given": ("help", "neutral"),
    "expires_soon": ("schedule", "wait"),
    "differs": ("error", "bad"),
    "minor": ("error", "bad"),
    "expired": ("event_busy", "bad"),
}
"""The icon and the tone of each outcome."""
LENGTHS = {"name": DOCUMENT_NAME_LENGTH, "number": NUMBER_LENGTH}


@dataclass(frozen=True, slots=True)
class Row:
    line: Line
    found: str
    """What is on the document, as it is shown."""
    value: str
    """What is in the field."""
    outcome: SafeString | str = ""
    most: int | None = None
    """Characters; None for a date."""
    differs: bool = False
    """Whether the field differs from what is saved."""


def details_context(request: StaffRequest, document: Document) -> dict[str, Any]:
    """What `compliance/details.html` needs. Rejected input stays in the form."""
    result = compare_details(request.user, document)
    typed = request.POST if VERSION in request.POST else None
    rows = []
    for line in result.lines:
        saved = line.found.isoformat() if isinstance(line.found, date) else line.found or ""
        value = typed.get(line.field, "") if typed is not None and line.field else saved
        rows.append(
            Row(
                line,
                date_format(line.found, "DATE_FORMAT") if isinstance(line.found, date) else saved,
                value,
                outcome_label(line.outcome) if line.outcome else "",
                LENGTHS.get(line.field),
                value != saved,
            )
        )
    ticked = typed.getlist("checks") if typed is not None else None
    return {
        "details": result,
        "details_rows": rows,
        "details_checks": [
            (value, title, value in ticked if ticked is not None else saved) for value, title, saved in result.checks
        ],
        "details_unsaved": typed is not None,
    }


def outcome_label(outcome: Outcome) -> SafeString:
    icon, tone = OUTCOME_LABELS[outcome.code]
    return label(icon, outcome.text, tone)


def save_details(request: StaffRequest, document: Document) -> DocumentDetails:
    """Saves what was posted from the panel. Raises `DomainError`."""
    posted, seen = request.POST, request.POST.get(VERSION, "")
    officer: User = request.user
    return record_details(
        officer,
        document.pk,
        # Text that is no number is no version.
        version=parse_id(seen) or (0 if seen == "0" else -1),
        name=posted.get("name", ""),
        born=posted.get("born", ""),
        number=posted.get("number", ""),
        valid_until=posted.get("valid_until", ""),
        checks=posted.getlist("checks"),
    )


def same_number_sentence(matches: Matches) -> str:
    """As in "Same document number as #77 of keiko.berger." Empty where no other account's document has it."""
    same = matches.number
    named = ", ".join(_("#%(id)s of %(name)s") % {"id": one.pk, "name": one.owner.username} for one in same.shown)
    if named:
        return _("Same document number as %(documents)s.") % {"documents": named}
    return _("Same document number as on another account.") if same.hidden else ""
