"""What is decided about documents, how it is taken back, and who is told."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _say

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Conflict
from apps.notifications.models import Kind as Told
from apps.notifications.services import notify
from apps.review.decisions.kinds import Kind
from apps.review.decisions.models import Decision
from apps.users.models import Document, User
from apps.users.verification.jobs import mail_decision
from apps.users.verification.messages import message_to_owner
from apps.users.verification.review import newer_pending, update_badge

APPROVED = Document.Status.APPROVED


def put_back(actor: User, decision: Decision, document: Document) -> None:
    """The document as it was, one version on, and the badge with it."""
    for name in set(decision.before) & set(decision.after) - {"version"}:
        field = Document._meta.get_field(name)
        setattr(document, field.attname, field.to_python(decision.before[name]))  # type: ignore[union-attr]
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


def tell(decision: Decision) -> None:
    verdict = decision.verb.split(".")[1]
    _tell(Document.objects.get(pk=decision.target_id), verdict, decision.text)


def tell_undone(decision: Decision) -> None:
    """What holds now: that it waits again, or the earlier verdict."""
    document = Document.objects.get(pk=decision.target_id)
    waits = document.status == Document.Status.PENDING
    _tell(document, "undone" if waits else document.status, "" if waits else message_to_owner(document))


def _tell(document: Document, verdict: str, text: str) -> None:
    status = "pending" if verdict == "undone" else verdict
    notify(document.owner_id, Told.DOCUMENT_DECIDED, about=document, status=status, text=text)
    # A job of its own, so that a mail server that is away does not tell it twice on the screen.
    mail_decision.defer(document_id=document.pk, template=f"document_{verdict}", text=text)


def withdraw_second(actor: User, decision: Decision, document: Document) -> None:
    if actor.pk != decision.actor_id and not actor.is_superuser:
        raise Conflict("not-yours", _say("Only whoever asked for a second pair of eyes takes that back."))
    put_back(actor, decision, document)


def _between_staff(decision: Decision) -> None:
    """Of what is not decided yet its owner hears nothing."""


def _kind(verb: Action, *, tells: bool = True, undo: Any = put_back) -> Kind:
    return Kind(
        verb=verb,
        model=Document,
        perm="users.review_document",
        undo=undo,
        notifies=tells,
        tell=tell if tells else _between_staff,
        tell_undone=tell_undone if tells else _between_staff,
    )


KINDS = [
    _kind(Action.DOCUMENT_APPROVED),
    _kind(Action.DOCUMENT_REJECTED),
    _kind(Action.DOCUMENT_REVOKED),
    _kind(Action.DOCUMENT_FIRST_APPROVED, tells=False),
    _kind(Action.SECOND_REQUESTED, tells=False, undo=withdraw_second),
]
