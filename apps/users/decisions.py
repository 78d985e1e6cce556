"""What is decided about documents, how it is taken back, and who is told."""

from __future__ import annotations

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from apps.audit.history import save_as
from apps.decisions.kinds import Kind
from apps.decisions.models import Decision
from apps.notifications.models import Kind as Told
from apps.notifications.services import notify
from apps.users.documents import set_badge
from apps.users.jobs import mail_decision
from apps.users.models import Document, User


def put_back(actor: User, decision: Decision, document: Document) -> None:
    """The document as it was, one version on, and the badge with it."""
    before = decision.before
    document.status, document.reason, document.comment = before["status"], before["reason"], before["comment"]
    document.decided_by_id = before["decided_by"]  # type: ignore[attr-defined]
    document.decided_at = parse_datetime(before["decided_at"]) if before["decided_at"] else None
    document.version += 1
    save_as(actor, document, reason=f"{decision.verb} undone: {decision.undo_reason}".rstrip(": "))
    if decision.after["status"] == Document.Status.APPROVED:
        others = Document.objects.filter(owner=document.owner_id, status=Document.Status.APPROVED)
        verified = before["badge"] or others.exists()
        set_badge(actor, document.owner_id, verified, reason=f"approval of document {document.pk} undone")


def tell(decision: Decision) -> None:
    document = Document.objects.get(pk=decision.target_id)
    notify(
        document.owner_id,
        Told.DOCUMENT_DECIDED,
        about=document,
        status=str(decision.after["status"]),
        text=decision.text,
    )
    # A job of its own, so that a mail server that is away does not tell it twice on the screen.
    mail_decision.defer(document_id=document.pk, template=f"document_{decision.after['status']}", text=decision.text)


def tell_undone(decision: Decision) -> None:
    document = Document.objects.get(pk=decision.target_id)
    notify(document.owner_id, Told.DOCUMENT_DECIDED, about=document, status=document.status, text="")
    mail_decision.defer(document_id=document.pk, template="document_undone", text="")


def _kind(verdict: str, label: object) -> Kind:
    return Kind(
        verb=f"document.{verdict}",
        label=label,  # type: ignore[arg-type]
        model=Document,
        perm="users.review_document",
        undo=put_back,
        tell=tell,
        tell_undone=tell_undone,
    )


KINDS = [_kind("approved", _("approved")), _kind("rejected", _("rejected"))]
