"""Deciding documents: approval and rejection, a first approval that a second officer confirms, a decision changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Conflict, Invalid
from apps.review.claims import lock_for_work, locked, require_free, require_unchanged
from apps.review.conflicts import conflict_of
from apps.review.decisions.models import Decision
from apps.review.decisions.services import decide, snapshot_of
from apps.review.notes import add_note
from apps.users.accounts.alerts import alert_if_same_person
from apps.users.models import Document, Reason, User
from apps.users.verification.four_eyes import needs_second
from apps.users.verification.messages import message_to_owner
from apps.users.verification.quality import sample

# What a decision changes, and undoing it puts back.
DECIDED_FIELDS = (
    "status", "reason", "comment", "decided_by", "decided_at", "needs_second", "first_approved_by", "first_approved_at",
)  # fmt: skip
DECISIONS = ("document.approved", "document.rejected", "document.revoked", "document.held")

LONGEST_WHY = 500


@transaction.atomic
def review_document(
    reviewer: User,
    document_id: int,
    *,
    verdict: str,
    reason: str = "",
    comment: str = "",
    version: int | None = None,
    batch: UUID | None = None,
) -> Document:
    """Approve or reject a pending document; approval gives its owner the badge. It can be undone; messages wait.

    Where two have to approve, the first approval waits for a second officer. `version` is the one that the reviewer
    viewed. Raises what `lock_for_work` does, and `Invalid`.
    """
    document = lock_for_work(reviewer, Document, document_id, version=version)
    _check_decision(verdict, reason)
    if verdict == Document.Status.APPROVED and not document.awaits_second and needs_second(document):
        return _approve_first(reviewer, document, comment, batch=batch)
    before = snapshot_of(document, DECIDED_FIELDS)
    first, first_at = document.first_approved_by, document.first_approved_at
    document.decide(verdict, reviewer, reason, comment)
    if first is not None and verdict == Document.Status.APPROVED:
        alert_if_same_person(first, reviewer, document, since=first_at)
    sample(_carry_out(reviewer, document, Action(f"document.{verdict}"), before, batch=batch), document)
    return document


@transaction.atomic
def override_decision(
    reviewer: User,
    document_id: int,
    *,
    verdict: str,
    why: str,
    reason: str = "",
    comment: str = "",
    version: int | None = None,
) -> Document:
    """Change a decision: approve after all, revoke an approval, or reject for another reason.

    Linked to the decision that it replaces; `why` is for staff and kept. The badge goes with the last approval.
    Raises `Refused` without the permission or with a conflict of interest, `Conflict` for what is pending, decided
    this way already, or changed since `version`, and `Invalid`.
    """
    document = locked(Document, document_id)
    require(reviewer, Document.WORK_PERMISSION, document)
    if (conflict := conflict_of(reviewer, document)) is not None:
        raise conflict
    require_unchanged(document, version)
    require_free(reviewer, document)
    _check_decision(verdict, reason)
    if not why.strip():
        raise Invalid("required", _("Enter a reason for changing the decision (staff only)."), field="why")
    if len(why) > LONGEST_WHY:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": LONGEST_WHY}, field="why")
    if (verdict, reason, comment) == (document.status, document.reason, document.comment) or (
        verdict == document.status == Document.Status.APPROVED
    ):
        raise Conflict("already-decided", _("Already decided this way."))
    replaced = Decision.objects.about(document).in_force().filter(verb__in=DECISIONS).order_by("-id").first()
    if document.status == Document.Status.REJECTED and verdict == Document.Status.APPROVED and needs_second(document):
        return _approve_first(reviewer, document, comment, why=why.strip(), overrides=replaced)
    before = snapshot_of(document, DECIDED_FIELDS)
    revoked = document.status == Document.Status.APPROVED
    document.override(verdict, reviewer, reason, comment)
    if document.first_approved_by_id == reviewer.pk:
        document.first_approved_by = document.first_approved_at = None
    verb = Action.DOCUMENT_REVOKED if revoked else Action(f"document.{verdict}")
    _carry_out(reviewer, document, verb, before, why=why.strip(), overrides=replaced)
    return document


def update_badge(actor: User, owner_id: int, *, undoing: bool = False) -> bool:
    """Give a user the badge while an approved document backs it, or take it away. Returns whether they had it before.

    Undoing leaves them a badge that they had without a document, unless a revocation in force took it.
    """
    # Locked before the query, so that of two approvals revoked at once the later one sees that it was the last.
    owner = User.objects.select_for_update(of=("self",)).get(pk=owner_id)
    before = owner.identity_verified
    verified = Document.objects.filter(owner=owner_id, status=Document.Status.APPROVED).exists()
    if undoing and not verified:
        about = Decision.objects.filter(subject=owner_id)
        had = about.filter(verb="document.approved", before__badge=True).exists()
        verified = had and not about.in_force().filter(verb="document.revoked").exists()
    if before != verified:
        owner.identity_verified = verified
        save_as(actor, owner, action=Action.BADGE_CHANGED)
    return before


def _approve_first(
    reviewer: User,
    document: Document,
    comment: str,
    *,
    why: str = "",
    overrides: Decision | None = None,
    batch: UUID | None = None,
) -> Document:
    """Record a first approval. The owner still waits, and is not notified."""
    before = snapshot_of(document, DECIDED_FIELDS)
    document.approve_first(reviewer)
    try:
        with transaction.atomic():
            save_as(reviewer, document, action=Action.DOCUMENT_FIRST_APPROVED, note=why)
    except IntegrityError as error:
        raise newer_pending() from error
    if comment.strip():
        add_note(reviewer, document, text=comment)
    decide(
        reviewer,
        "document.held",
        document,
        subject_id=document.owner_id,
        before=before,
        after=snapshot_of(document, DECIDED_FIELDS),
        overrides=overrides,
        batch=batch,
    )
    return document


def _carry_out(
    reviewer: User,
    document: Document,
    verb: Action,
    before: dict[str, Any],
    *,
    why: str = "",
    overrides: Decision | None = None,
    batch: UUID | None = None,
) -> Decision:
    """Save a decision and the badge with it; the owner is notified when the undo window is over."""
    others = Document.objects.filter(owner=document.owner_id, status=Document.Status.APPROVED).exclude(pk=document.pk)
    approves, revokes = verb == Action.DOCUMENT_APPROVED, verb == Action.DOCUMENT_REVOKED
    stood = approves and others.exists()
    save_as(reviewer, document, action=verb, note=why)
    if approves or revokes:
        had = update_badge(reviewer, document.owner_id)
        # A badge that no document stood for stays when this is undone.
        before["badge"] = approves and had and not stood
    return decide(
        reviewer,
        verb,
        document,
        subject_id=document.owner_id,
        before=before,
        after=snapshot_of(document, DECIDED_FIELDS),
        reason=document.reason,
        text=message_to_owner(document),
        overrides=overrides,
        batch=batch,
    )


def _check_decision(verdict: str, reason: str) -> None:
    if verdict not in (Document.Status.APPROVED, Document.Status.REJECTED):
        raise Invalid("invalid", _("Approve or reject it."), field="status")
    if reason and reason not in Reason.values:
        raise Invalid("invalid", _("There is no such reason."), field="reason")
    if reason and verdict == Document.Status.APPROVED:
        raise Invalid("invalid", _("A reason belongs to a rejection. Leave it empty."), field="reason")


def newer_pending() -> Conflict:
    return Conflict("changed-since", _("The owner has submitted another one since. Decide that one."))
