from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.review.conflicts import ConflictOfInterest
from apps.users.models.accounts import User
from apps.users.models.documents import DocType, Document, Reason
from apps.users.models.roles import CLIENT_ROLES, Role

RULED_KINDS = {
    "": _("All documents"),
    DocType.IDENTITY: _("Identity documents"),
    DocType.BUSINESS: _("Business documents"),
}
RULED_ROLES = {
    "": _("people"),
    Role.INFLUENCER: _("influencers"),
    Role.ENTREPRENEUR: _("entrepreneurs"),
    Role.BRAND: _("brands"),
}


class ReviewRule(models.Model):
    """Which documents require two approvals. An empty field applies to all."""

    doc_type = models.CharField(_("kind"), max_length=16, choices=DocType, blank=True)
    role = models.CharField(
        _("role"), max_length=16, choices=[(role.value, role.label) for role in CLIENT_ROLES], blank=True
    )
    after_rejection = models.BooleanField(_("only after an earlier rejection"), default=False)
    followers_from = models.PositiveIntegerField(_("only from so many followers"), null=True, blank=True)
    active = models.BooleanField(_("active"), default=True)

    history = History()

    class Meta:
        verbose_name = _("four-eyes rule")
        verbose_name_plural = _("four-eyes rules")
        default_permissions = ("change",)

    def __str__(self) -> str:
        """As in "Business documents of brands that were rejected before"."""
        what = {"what": RULED_KINDS[self.doc_type]}
        conditions: list[object] = []
        if self.after_rejection:
            conditions.append(_("that were rejected before"))
        if self.followers_from is not None:
            conditions.append(_("that have %(n)d followers or more") % {"n": self.followers_from})
        if not self.role and not conditions:
            return str(what["what"])
        said = _("%(what)s of %(whom)s") % (what | {"whom": RULED_ROLES[self.role]})
        return f"{said} {_(' and ').join(map(str, conditions))}".rstrip()


class QualityShare(models.Model):
    """How many of the decisions about documents are shown, blind, to a second officer. None without a row."""

    percent = models.PositiveSmallIntegerField(_("percent"))

    history = History()

    class Meta:
        verbose_name = _("share of blind checks")
        default_permissions = ("change",)
        constraints = [models.CheckConstraint(condition=Q(percent__lte=100), name="quality_share_percent")]

    def __str__(self) -> str:
        return f"{self.percent} %"


class BlindCheck(models.Model):
    """A decided document on which a second officer gives a verdict without knowing the first. It changes nothing."""

    CONFLICTS = (
        ConflictOfInterest(
            "own-decision",
            _("This blind review is assigned to another officer. Choose the next one."),
            applies=lambda check, user: (
                user.pk in (check.officer_id, check.document.owner_id, check.document.first_approved_by_id)
            ),
            rows=lambda user: Q(officer=user.pk) | Q(document__owner=user.pk) | Q(document__first_approved_by=user.pk),
        ),
    )

    decision = models.OneToOneField("decisions.Decision", on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    officer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    """Who decided it."""
    decided = models.CharField(max_length=16, choices=Document.Status)
    decided_reason = models.CharField(max_length=32, choices=Reason, blank=True)
    checked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    checked_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=16, choices=Document.Status, blank=True)
    reason = models.CharField(max_length=32, choices=Reason, blank=True)

    class Meta:
        verbose_name = _("blind check")
        verbose_name_plural = _("blind checks")
        default_permissions = ()
        permissions = [("view_quality", _("Can see how officers agree"))]
        indexes = [
            models.Index(fields=["id"], condition=Q(checked_at__isnull=True), name="blind_check_open"),
            models.Index(fields=["-checked_at"], name="blind_check_latest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(checked_by__isnull=True, checked_at__isnull=True, verdict="")
                | Q(checked_by__isnull=False, checked_at__isnull=False, verdict__in=["approved", "rejected"])
                & ~Q(checked_by=F("officer")),
                name="blind_check_by_another",
            )
        ]

    def __str__(self) -> str:
        return f"{self.document_id}"
