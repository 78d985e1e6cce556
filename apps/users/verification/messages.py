"""What the owner of a document reads about its decision: the text, and a preview of the messages before they leave."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from django.utils.translation import override

from apps.notifications.models import Kind
from apps.notifications.texts import text_of
from apps.users.accounts.mails import compose
from apps.users.models import Document, Reason


@dataclass(frozen=True, slots=True)
class MessagePreview:
    notification: str
    subject: str
    body: str


def message_preview(document: Document, verdict: str, *, reason: str = "", comment: str = "") -> MessagePreview:
    """The very notification and mail, in the owner's language: `verdict` is approved, rejected or revoked."""
    decided, owner = copy(document), copy(document.owner)
    decided.status = Document.Status.APPROVED if verdict == "approved" else Document.Status.REJECTED
    decided.reason, decided.comment = reason, comment.strip()
    if verdict == "revoked":
        approved = Document.objects.filter(owner=owner.pk, status=Document.Status.APPROVED)
        owner.identity_verified = approved.exclude(pk=document.pk).exists()
    text = message_to_owner(decided)
    subject, body = compose(owner, f"document_{verdict}", document=decided, text=text)
    with override(owner.language):
        return MessagePreview(text_of(Kind.DOCUMENT_DECIDED, status=verdict, text=text), subject, body)


def text_for_owner(document: Document) -> str:
    """What the owner reads about the decision: the reviewer's text, or the text that belongs to the reason."""
    return document.comment or (Reason(document.reason).text if document.reason else "")


def message_to_owner(document: Document) -> str:
    """What the messages about the decision say, in the owner's language: the text of the reason, and the reviewer's."""
    with override(document.owner.language):
        return " ".join(filter(None, [Reason(document.reason).text if document.reason else "", document.comment]))
