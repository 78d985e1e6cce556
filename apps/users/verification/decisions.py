"""The kinds of decisions about documents: how each is undone, and how the owner is notified."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _say

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Conflict
from apps.infra.columns import column
from apps.notifications.models import Kind as NotificationKind
from apps.notifications.services import notify
from apps.review.decisions.kinds import Kind
from apps.review.decisions.models import Decision
from apps.users.models import Document, User
from apps.users.verification.jobs import mail_decision
from apps.users.verification.messages import message_to_owner
from apps.users.verification.review import newer_pending, update_badge

APPROVED = Document.Status.APPROVED


def undo_decision(actor: User, decision: Decision, document: Document) -> None:
    """Restore the document as it was before, as a new version, and the badge with it."""
    for name in set(decision.before) & set(decision.after) - {"version"}:
        field = column(Document, name)
        setattr(document, field.attname, field.to_python(decision.before[name]))
    document.version += 1
    action, note = Action(decision.verb).undone, decision.undo_reason
    try:
        with transaction.atomic():
            save_as(actor, document, action=action, note=note)
    except IntegrityError as error:
        # The owner may have sent in another one after a rejection; two of a kind do not wait at once.
        raise newer_pending() from error
    if APPROVED in (decision.before["status"], decision.after["status"]):
        update_badge(actor, document.owner_id, undoing=True)


def notify_owner(decision: Decision) -> None:
    verdict = decision.verb.split(".")[1]
    _notify(Document.objects.get(pk=decision.target_id), verdict, decision.text)


def notify_undone(decision: Decision) -> None:
    """Notify the owner of the present state: pending again, or the earlier verdict."""
    document = Document.objects.get(pk=decision.target_id)
    waits = document.status == Document.Status.PENDING
    _notify(document, "undone" if waits else document.status, "" if waits else message_to_owner(document))


def _notify(document: Document, verdict: str, text: str) -> None:
    status = "pending" if verdict == "undone" else verdict
    notify(document.owner_id, NotificationKind.DOCUMENT_DECIDED, about=document, status=status, text=text)
    # A job of its own, so that a retry for the mail server does not repeat the notification.
    mail_decision.defer(document_id=document.pk, template=f"document_{verdict}", text=text)


def withdraw_second(actor: User, decision: Decision, document: Document) -> None:
    if actor.pk != decision.actor_id and not actor.is_superuser:
        raise Conflict("not-yours", _say("Only the officer who requested the second approval can undo it."))
    undo_decision(actor, decision, document)


def _between_staff(decision: Decision) -> None:
    """Send nothing: the owner is not notified before the final decision."""


def _kind(verb: Action, *, notifies: bool = True, undo: Any = undo_decision) -> Kind:
    return Kind(
        verb=verb,
        model=Document,
        perm="users.review_document",
        undo=undo,
        notifies=notifies,
        notify=notify_owner if notifies else _between_staff,
        notify_undone=notify_undone if notifies else _between_staff,
    )


KINDS = [
    _kind(Action.DOCUMENT_APPROVED),
    _kind(Action.DOCUMENT_REJECTED),
    _kind(Action.DOCUMENT_REVOKED),
    _kind(Action.DOCUMENT_FIRST_APPROVED, notifies=False),
    _kind(Action.SECOND_REQUESTED, notifies=False, undo=withdraw_second),
]
