from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access import TimeBoxed
from apps.audit.history import History
from apps.errors import Conflict
from apps.review.conflicts import ConflictOfInterest
from apps.review.models import ReviewItem
from apps.tallies.queues import ByQueue
from apps.users.models.accounts import User
from apps.users.texts import REASONS

DOCUMENT_NAME_LENGTH = 150
"""The most characters of a name that is given with a document, or read on it."""


class DocType(models.TextChoices):
    IDENTITY = "identity", _("Identity")
    BUSINESS = "business", _("Business")


class Reason(models.TextChoices):
    """Why a document was rejected. The label is for staff; `text` is what the owner reads."""

    UNREADABLE = "unreadable", _("Unreadable")
    EXPIRED = "expired", _("Expired")
    CUT_OFF = "cut_off", _("Cut off")
    WRONG_DOCUMENT = "wrong_document", _("Wrong document")
    NAME_DIFFERS = "name_differs", _("Name differs")
    FORGED = "forged", _("Forged or altered")
    ALREADY_USED = "already_used", _("Already used on another account")
    NOT_ELIGIBLE = "not_eligible", _("Not eligible")

    @property
    def text(self) -> str:
        """What the owner reads, in the active language."""
        return str(REASONS[self])

    @property
    def may_resubmit(self) -> bool:
        return self not in (Reason.FORGED, Reason.ALREADY_USED, Reason.NOT_ELIGIBLE)


class DocumentQuerySet(models.QuerySet["Document"]):
    def pending(self) -> DocumentQuerySet:
        return self.filter(status=Document.Status.PENDING)

    def newest_first(self) -> DocumentQuerySet:
        return self.order_by("-created_at", "-id")


COUNTED = ByQueue(
    "documents",
    "users_document",
    open_rows="status = 'pending'",
    arrived="created_at",
    decided="decided_at",
    decider="decided_by_id",
)


class Document(ReviewItem):
    """A proof of identity or business, sent in by its owner and decided by a reviewer."""

    WORK_PERMISSION = "users.review_document"
    OPEN = Q(status="pending")
    DECIDED_AT, DECIDED_BY = "decided_at", "decided_by"
    TALLIES = COUNTED
    CONFLICTS = (
        ConflictOfInterest(
            "own-document",
            _("This is your own document. A colleague has to review it."),
            applies=lambda document, user: document.owner_id == user.pk,
            rows=lambda user: Q(owner=user.pk),
        ),
        ConflictOfInterest(
            "own-approval",
            _("You recorded the first approval; a second officer has to confirm it. Undo your approval to change it."),
            applies=lambda document, user: document.awaits_second and document.first_approved_by_id == user.pk,
            rows=lambda user: Q(status="pending", first_approved_by=user.pk),
        ),
    )

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="documents", verbose_name=_("owner"))
    doc_type = models.CharField(_("kind"), max_length=16, choices=DocType)
    legal_name = models.CharField(
        _("legal name"), max_length=DOCUMENT_NAME_LENGTH, blank=True, default="", db_default="", editable=False
    )
    """As its owner gave it with the upload; empty where they gave none."""
    file = models.FileField(_("file"), upload_to="documents", max_length=255)
    media_type = models.CharField(_("media type"), max_length=64, editable=False)
    size = models.PositiveIntegerField(_("size in bytes"), editable=False)
    sha256 = models.CharField(_("SHA-256"), max_length=64, editable=False, db_index=True)
    pages = models.SmallIntegerField(_("pages"), null=True, editable=False)
    """None until the file has been inspected, 0 where it cannot be rendered."""
    letters_missing = models.BooleanField(_("letters missing"), default=False, db_default=False, editable=False)
    """Some letters cannot be drawn here: the file leaves their font to the reader."""
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    reason = models.CharField(_("reason"), max_length=32, choices=Reason, blank=True)
    purged_at = models.DateTimeField(_("file purged"), null=True, editable=False)
    """When file and details went, as the retention schedule says or with the data of the owner; the row stays."""
    comment = models.TextField(
        _("admin comment"), blank=True, max_length=2000, help_text=_("The owner reads this with the decision.")
    )
    decided_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("submitted"), default=timezone.now, editable=False)
    needs_second = models.BooleanField(_("needs two approvals"), default=False, db_default=False, editable=False)
    """Required by a rule or an officer: a first approval is pending until a second officer confirms it."""
    first_approved_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,  # asked of single rows, and of pending ones, alone
        related_name="+",
        verbose_name=_("first approved by"),
    )
    first_approved_at = models.DateTimeField(_("first approved"), null=True, blank=True, editable=False)

    history = History(
        excluded_fields=[*ReviewItem.WORK_FIELDS, "pages", "letters_missing", "legal_name"],
        person="owner_id",
        personal=["comment", "sha256"],
    )
    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "doc_type"], condition=Q(status="pending"), name="document_one_pending"
            ),
            models.CheckConstraint(
                condition=Q(status="pending", decided_at__isnull=True)
                | Q(status__in=["approved", "rejected"], decided_at__isnull=False),
                name="document_decided_once_settled",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("owner")), name="document_not_by_owner"
            ),
            models.CheckConstraint(
                condition=~Q(status="approved", needs_second=True, first_approved_by__isnull=True),
                name="document_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(first_approved_by__isnull=True, first_approved_at__isnull=True)
                | Q(first_approved_by__isnull=False, first_approved_at__isnull=False)
                & ~Q(first_approved_by=F("owner"))
                & (Q(decided_by__isnull=True) | ~Q(first_approved_by=F("decided_by"))),
                name="document_two_people",
            ),
        ]
        triggers = COUNTED.tallied.triggers()
        indexes = [
            models.Index(fields=["status", "created_at", "id"], name="document_queue"),
            # Few of many that are pending.
            models.Index(
                fields=["created_at", "id"],
                condition=Q(status="pending", escalated_at__isnull=False),
                name="document_escalated",
            ),
            models.Index(
                fields=["created_at", "id"],
                condition=Q(status="pending", snoozed_until__isnull=False),
                name="document_snoozed",
            ),
            models.Index(fields=["owner", "-created_at"], name="document_of_owner"),
            models.Index(fields=["-created_at", "-id"], name="document_newest"),
            models.Index(fields=["id"], condition=Q(pages__isnull=True), name="document_not_inspected"),
            models.Index(fields=["-decided_at"], condition=Q(decided_at__isnull=False), name="document_latest_decided"),
        ]
        permissions = [
            ("review_document", _("Can review document")),
            ("review_influencer_document", _("Can review documents of influencers")),
            ("review_entrepreneur_document", _("Can review documents of entrepreneurs")),
            ("review_brand_document", _("Can review documents of brands")),
            ("export_document", _("Can export documents")),
        ]

    def __str__(self) -> str:
        return _("%(kind)s document %(id)s") % {"kind": self.get_doc_type_display(), "id": self.pk}

    def decide(self, verdict: str, by: User, reason: str = "", comment: str = "") -> None:
        """Set the verdict of a pending document, approved or rejected. Raises `Conflict` for a decided one."""
        if self.status != self.Status.PENDING:
            raise Conflict("already-decided", _("This document has already been decided."))
        self._set_verdict(verdict, by, reason, comment)

    def override(self, verdict: str, by: User, reason: str = "", comment: str = "") -> None:
        """Replace the verdict of a decided document by another. Raises `Conflict` for a pending one."""
        if self.status == self.Status.PENDING:
            raise Conflict("not-decided", _("This document has not been decided yet."))
        self._set_verdict(verdict, by, reason, comment)

    def close(self) -> None:
        """Take a pending document out of the queue, rejected by nobody: its owner is erased."""
        self.status, self.decided_at = self.Status.REJECTED, timezone.now()
        self._worked_on()

    def approve_first(self, by: User) -> None:
        """Record the first of two approvals: pending, from whatever state it was in."""
        self.status, self.reason, self.comment = self.Status.PENDING, "", ""
        self.decided_by = self.decided_at = None
        self.needs_second = True
        self.first_approved_by, self.first_approved_at = by, timezone.now()
        self._worked_on()

    @property
    def awaits_second(self) -> bool:
        return self.status == self.Status.PENDING and self.first_approved_at is not None

    def _set_verdict(self, verdict: str, by: User, reason: str, comment: str) -> None:
        self.status, self.reason, self.comment = verdict, reason, comment
        self.decided_by, self.decided_at = by, timezone.now()
        self._worked_on()

    def _worked_on(self) -> None:
        self.claimed_by = self.claimed_until = None
        self.version += 1

    @property
    def may_resubmit(self) -> bool:
        """Whether the owner may send another of this kind, as far as this one goes."""
        if self.status != self.Status.REJECTED:
            return False
        return not self.reason or Reason(self.reason).may_resubmit


class DocumentUserObjectPermission(UserObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Document, on_delete=models.CASCADE)


class DocumentGroupObjectPermission(GroupObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Document, on_delete=models.CASCADE)
