"""Documents that prove who somebody is: sent in by their owner, claimed, looked at and decided by staff."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.access import may, require, visible
from apps.audit.history import save_as
from apps.audit.models import Entry, Verb
from apps.audit.services import fetched_ahead, record
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.infra.files.storage import filed
from apps.infra.files.uploads import Upload, take_document
from apps.review.claims import add_note, claim, release
from apps.review.decisions.models import Decision
from apps.review.decisions.services import decide, facts
from apps.users.accounts.oversight import alert_if_one
from apps.users.jobs import inspect_document
from apps.users.models import DOCUMENT_NAME_LENGTH, Document, Reason, User
from apps.users.verification.four_eyes import needs_second
from apps.users.verification.matching import checked, keep_keys
from apps.users.verification.quality import sample

# What a decision changes, and undoing it puts back.
DECIDED_FIELDS = (
    "status", "reason", "comment", "decided_by", "decided_at", "needs_second", "first_approved_by", "first_approved_at",
)  # fmt: skip
DECISIONS = ("document.approved", "document.rejected", "document.revoked", "document.held")

LONGEST_WHY = 500


@transaction.atomic
def send_document(owner: User, upload: Upload, *, doc_type: str, legal_name: str = "") -> Document:
    """Hand in a document for review. One pending of a kind at a time. `legal_name` is what it should say.

    Raises `Conflict` for a second one, and after a rejection for good; `Invalid` for a name that cannot be one; what
    `take_document` does otherwise.
    """
    legal_name = checked(legal_name, most=DOCUMENT_NAME_LENGTH, field="legal_name")
    _require_place(owner, doc_type)
    taken = take_document(upload, field="file")
    document = Document(
        owner=owner,
        doc_type=doc_type,
        legal_name=legal_name,
        file=taken.file,
        media_type=taken.media_type,
        size=taken.size,
        sha256=taken.sha256,
    )
    try:
        with filed(document.file), transaction.atomic():
            save_as(owner, document, reason="sent in")
            keep_keys(document)
            inspect_document.defer(document_id=document.pk)
    except IntegrityError as error:
        raise _already_pending() from error
    return document


def documents_of(owner: User) -> QuerySet[Document]:
    """What somebody has sent in, latest first."""
    return visible(owner, Document).select_related("owner").order_by("-created_at", "-id")


@transaction.atomic
def claim_document(reviewer: User, document_id: int) -> Document:
    """Hold a pending document for 15 minutes, or go on holding it. Raises `Conflict` where somebody else holds it."""
    with transaction.atomic():
        document = _reviewable(reviewer, document_id)
        _require_free(document, reviewer)
        if document.status != Document.Status.PENDING:
            raise _decided(document)
        return claim(reviewer, Document, document_id)


@transaction.atomic
def release_document(reviewer: User, document_id: int) -> Document:
    """Let go of a document that one holds. Raises `Conflict` where somebody else holds it."""
    _require_free(_reviewable(reviewer, document_id), reviewer)
    return release(reviewer, Document, document_id)


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

    Where two have to approve, the first approval is held. `version` is the one that the reviewer looked at.
    Raises `Conflict` where somebody decided or holds it.
    """
    document = _decidable(reviewer, document_id, version)
    if document.status != Document.Status.PENDING:
        raise _decided(document)
    _check_decision(verdict, reason)
    if verdict == Document.Status.APPROVED and not document.is_held and needs_second(document):
        return _hold(reviewer, document, comment, batch=batch)
    before = facts(document, DECIDED_FIELDS)
    first, first_at = document.first_approved_by, document.first_approved_at
    document.settle(verdict, reviewer, reason, comment)
    if first is not None and verdict == Document.Status.APPROVED:
        alert_if_one(first, reviewer, document, since=first_at)
    sample(_carry_out(reviewer, document, f"document.{verdict}", before, batch=batch), document)
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
    """Decide anew what was decided: approve after all, revoke an approval, or reject for another reason.

    Linked to the decision that it replaces; `why` is for staff and kept. The badge goes with the last approval.
    Raises `Conflict` for what is pending or has changed since `version`.
    """
    document = _decidable(reviewer, document_id, version)
    _check_decision(verdict, reason)
    if not why.strip():
        raise Invalid("required", _("Enter a reason for changing the decision (staff only)."), field="why")
    if len(why) > LONGEST_WHY:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": LONGEST_WHY}, field="why")
    if (verdict, reason, comment) == (document.status, document.reason, document.comment) or (
        verdict == document.status == Document.Status.APPROVED
    ):
        raise Conflict("already-decided", _("Already decided this way."))
    replaced = Decision.objects.about(document).standing().filter(verb__in=DECISIONS).order_by("-id").first()
    if document.status == Document.Status.REJECTED and verdict == Document.Status.APPROVED and needs_second(document):
        return _hold(reviewer, document, comment, why=why.strip(), overrides=replaced)
    before = facts(document, DECIDED_FIELDS)
    revoked = document.status == Document.Status.APPROVED
    document.override(verdict, reviewer, reason, comment)
    if document.first_approved_by_id == reviewer.pk:
        document.first_approved_by = document.first_approved_at = None
    verb = "document.revoked" if revoked else f"document.{verdict}"
    _carry_out(reviewer, document, verb, before, why=why.strip(), overrides=replaced)
    return document


def settle_badge(actor: User, owner_id: int, *, reason: str, undoing: bool = False) -> bool:
    """Give somebody the badge where an approved document stands for it, or take it away. Whether they had it before.

    Undoing leaves them a badge that they had without a document, unless a revocation that stands took it.
    """
    # Locked before looking, so that of two approvals revoked at once the later one sees that it was the last.
    owner = User.objects.select_for_update(of=("self",)).get(pk=owner_id)
    before = owner.identity_verified
    verified = Document.objects.filter(owner=owner_id, status=Document.Status.APPROVED).exists()
    if undoing and not verified:
        about = Decision.objects.filter(subject=owner_id)
        had = about.filter(verb="document.approved", before__badge=True).exists()
        verified = had and not about.standing().filter(verb="document.revoked").exists()
    if before != verified:
        owner.identity_verified = verified
        save_as(actor, owner, reason=reason)
    return before


def document_in_work(reviewer: User, document_id: int) -> Document:
    """A pending document, locked, that the reviewer may decide now: free, or claimed by them.

    Raises `Conflict` or `Refused` where they may not, `Absent` where there is none.
    """
    document = _decidable(reviewer, document_id, None)
    if document.status != Document.Status.PENDING:
        raise _decided(document)
    return document


def look_at_document(viewer: User, document_id: int, *, reason: str = "", ahead: bool = False) -> Entry:
    """Write down that staff looked at the file of a document; its owner is told. Call it before showing any of it.

    `ahead`: it is fetched, but not shown yet, and the owner is told just that.
    """
    document = _lookable(viewer, document_id)
    return record(viewer, Verb.VIEWED, document, reason=reason, subject=document.owner, **fetched_ahead(ahead))


def look_at_face(viewer: User, document_id: int) -> Entry:
    """Write down that the profile picture, which everybody may see, was looked at beside a document."""
    document = _lookable(viewer, document_id)
    return record(viewer, Verb.VIEWED, document.owner.profile, reason=f"beside document {document.pk}")


def _lookable(viewer: User, document_id: int) -> Document:
    document = Document.objects.select_related("owner", "owner__profile").filter(pk=document_id).first()
    if document is None:
        raise _absent()
    # Who may decide it may look at it, granted the right to look or not.
    if not may(viewer, "users.review_document", document):
        require(viewer, "users.view_document", document)
    return document


def text_for_owner(document: Document) -> str:
    """What the owner reads about the decision: the reviewer's words, or those that belong to the reason."""
    return document.comment or (Reason(document.reason).text if document.reason else "")


def message_to_owner(document: Document) -> str:
    """What the messages about the decision say, in their language: the text of the reason, and the reviewer's words."""
    with override(document.owner.language):
        return " ".join(filter(None, [Reason(document.reason).text if document.reason else "", document.comment]))


def _decidable(reviewer: User, document_id: int, version: int | None) -> Document:
    """Locked, as `version` showed it, theirs to decide, and in nobody else's hands."""
    document = _reviewable(reviewer, document_id)
    if document.owner_id == reviewer.pk:
        raise Refused("own-document", _("This is your own document. A colleague has to review it."))
    if version not in (None, document.version):
        raise _decided(document)
    _require_free(document, reviewer)
    if document.is_held and document.first_approved_by_id == reviewer.pk:
        raise Refused(
            "own-approval",
            _("You recorded the first approval; a second officer has to confirm it. Undo your approval to change it."),
        )
    return document


def _hold(
    reviewer: User,
    document: Document,
    comment: str,
    *,
    why: str = "",
    overrides: Decision | None = None,
    batch: UUID | None = None,
) -> Document:
    """Keep a first approval back. The owner still waits, and hears nothing."""
    before = facts(document, DECIDED_FIELDS)
    document.hold(reviewer)
    try:
        with transaction.atomic():
            save_as(reviewer, document, reason=f"document approved first: {why}".rstrip(": "))
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
        after=facts(document, DECIDED_FIELDS),
        overrides=overrides,
        batch=batch,
    )
    return document


def _carry_out(
    reviewer: User,
    document: Document,
    verb: str,
    before: dict[str, Any],
    *,
    why: str = "",
    overrides: Decision | None = None,
    batch: UUID | None = None,
) -> Decision:
    """Save a decision that was taken, the badge with it, and tell of it in a while."""
    others = Document.objects.filter(owner=document.owner_id, status=Document.Status.APPROVED).exclude(pk=document.pk)
    approves, revokes = verb == "document.approved", verb == "document.revoked"
    stood = approves and others.exists()
    said = f"{verb.replace('.', ' ')}: {why}".rstrip(": ")
    save_as(reviewer, document, reason=said)
    if approves or revokes:
        had = settle_badge(reviewer, document.owner_id, reason=f"document {document.pk} {verb.split('.')[1]}")
        # A badge that no document stood for stays when this is undone.
        before["badge"] = approves and had and not stood
    return decide(
        reviewer,
        verb,
        document,
        subject_id=document.owner_id,
        before=before,
        after=facts(document, DECIDED_FIELDS),
        reason=document.reason,
        text=message_to_owner(document),
        overrides=overrides,
        batch=batch,
    )


def _reviewable(reviewer: User, document_id: int) -> Document:
    document = (
        Document.objects.select_for_update(of=("self",))
        .select_related("claimed_by", "decided_by", "owner")
        .filter(pk=document_id)
        .first()
    )
    if document is None:
        raise _absent()
    require(reviewer, "users.review_document", document)
    return document


def _require_free(document: Document, reviewer: User) -> None:
    holder = document.claim_holder()
    if holder is not None and holder.pk != reviewer.pk:
        raise Conflict(
            "claimed",
            _("Claimed by %(name)s. Take it over with a reason, or choose another document.")
            % {"name": holder.username},
        )


def _decided(document: Document) -> Conflict:
    if document.decided_by is None or document.decided_at is None:
        return Conflict("already-decided", _("This document has changed since you opened it. Reload it, then decide."))
    message = _("%(verdict)s by %(name)s at %(time)s UTC.") % {
        "verdict": document.get_status_display(),
        "name": document.decided_by.username,
        "time": formats.date_format(document.decided_at, "DATETIME_FORMAT"),
    }
    return Conflict("already-decided", message)


def _check_decision(verdict: str, reason: str) -> None:
    if verdict not in (Document.Status.APPROVED, Document.Status.REJECTED):
        raise Invalid("invalid", _("Approve or reject it."), field="status")
    if reason and reason not in Reason.values:
        raise Invalid("invalid", _("There is no such reason."), field="reason")
    if reason and verdict == Document.Status.APPROVED:
        raise Invalid("invalid", _("A reason belongs to a rejection. Leave it empty."), field="reason")


def _require_place(owner: User, doc_type: str) -> None:
    latest = Document.objects.filter(owner=owner, doc_type=doc_type).newest_first().first()
    if latest is None:
        return
    if latest.status == Document.Status.PENDING:
        raise _already_pending()
    if latest.status == Document.Status.REJECTED and not latest.may_resubmit:
        raise Conflict("rejected-for-good", text_for_owner(latest))


def _already_pending() -> Conflict:
    return Conflict("already-pending", _("A document of this kind is waiting for review already."))


def newer_pending() -> Conflict:
    return Conflict("changed-since", _("The owner has submitted another one since. Decide that one."))


def _absent() -> Absent:
    return Absent("not-found", _("This document does not exist, or you have no permission to see it."))
