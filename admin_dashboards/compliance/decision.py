"""How a document is decided in the console: the same input, checks and sentences at its table and at the desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.tables.forms import Form
from apps.errors import Invalid
from apps.infra.ids import parse_id
from apps.users.models import Document, User
from apps.users.verification.duplicates import duplicates
from apps.users.verification.four_eyes import rules_asking
from apps.users.verification.review import override_decision, review_document

APPROVED, REJECTED = Document.Status.APPROVED, Document.Status.REJECTED


class DecisionForm(Form):
    """The decision on the page of a document in its table, where a rejection may go without a reason."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Document
        fields = ("status", "reason", "comment")
        labels = {"comment": gettext_lazy("Admin Comment")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_version"].initial = self.instance.version

    def decision(self) -> DocumentDecision:
        """What was chosen; of a form that is valid."""
        data = self.cleaned_data
        return DocumentDecision(data["status"], data["reason"], data["comment"], data["seen_version"])


@dataclass(frozen=True, slots=True)
class DocumentDecision:
    """A decision about a document, as an officer enters it."""

    verdict: str
    """"approved" or "rejected"."""
    reason: str
    comment: str
    """The message to the owner."""
    version: int | None
    """The version of the document that the officer viewed."""

    @classmethod
    def posted(cls, sent: Mapping[str, Any], *, version: int | None = None) -> DocumentDecision:
        """The decision of a form of the desk. Raises `Invalid` for a rejection without a reason."""
        verdict, reason = sent.get("verdict", ""), sent.get("reason", "")
        if verdict == REJECTED and not reason:
            raise Invalid("required", _("Choose a rejection reason; the owner reads its text."), field="reason")
        seen = parse_id(sent.get("version", "")) if version is None else version
        comment = sent.get("comment", "").strip()
        return cls(verdict, reason if verdict == REJECTED else "", comment, seen)

    def carry_out(self, officer: User, document_id: int, *, batch: UUID | None = None) -> Document:
        """Decide the document. Raises what `review_document` does."""
        return review_document(
            officer,
            document_id,
            verdict=self.verdict,
            reason=self.reason,
            comment=self.comment,
            version=self.version,
            batch=batch,
        )

    def override(self, officer: User, document_id: int, *, why: str) -> Document:
        """Decide a decided document again. Raises what `override_decision` does."""
        return override_decision(
            officer,
            document_id,
            verdict=self.verdict,
            why=why,
            reason=self.reason,
            comment=self.comment,
            version=self.version,
        )


def outcome_sentence(document: Document) -> str:
    """What a decision made of the document, for the officer."""
    names = {"document": document, "name": document.owner.username}
    if document.awaits_second:
        said = _("First approval recorded for %(document)s. A second officer confirms it before %(name)s is verified.")
    elif document.status == APPROVED:
        said = _("%(document)s approved: %(name)s is verified.")
    else:
        said = _("%(document)s of %(name)s rejected.")
    return said % names


def decision_context(viewer: User, document: Document) -> dict[str, Any]:
    """What the templates need that the page of a document has in its table and at the desk."""
    pending = document.status == Document.Status.PENDING
    rules = rules_asking(document) if pending else []
    return {
        "document": document,
        "duplicates": duplicates(viewer, document),
        "rules": [str(rule) for rule in rules],
        "two_approve": pending and (document.needs_second or bool(rules)),
    }
