from __future__ import annotations

from django.db import models
from django.db.models import BigIntegerField, F, Q
from django.db.models.functions import Greatest, Least
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.errors import Conflict


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def of(self, user_id: int | None) -> ConnectionQuerySet:
        return self.filter(Q(sender_id=user_id) | Q(receiver_id=user_id))

    def between(self, one_id: int, other_id: int) -> ConnectionQuerySet:
        # As the index of the pair has it: by the rows of either user, those of one who has many would all be read.
        here = (Least("sender_id", "receiver_id"), Greatest("sender_id", "receiver_id"))
        pair = (each(one_id, other_id, output_field=BigIntegerField()) for each in (Least, Greatest))
        return self.filter(*map(Exact, here, pair))

    def accepted(self) -> ConnectionQuerySet:
        return self.filter(status=Connection.Status.ACCEPTED)

    def newest_first(self) -> ConnectionQuerySet:
        return self.order_by("-created_at", "-id")

    def with_people(self) -> ConnectionQuerySet:
        return self.select_related("sender__profile", "receiver__profile")


class Connection(models.Model):
    """A request from one user to another, and the answer. One for each pair, in either direction."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Rejected")

    sender = models.ForeignKey(
        "users.User",
        on_delete=models.CASCADE,
        related_name="requests_sent",
        verbose_name=_("sender"),
        db_index=False,  # `connection_sent` begins with it
    )
    receiver = models.ForeignKey(
        "users.User",
        on_delete=models.CASCADE,
        related_name="requests_received",
        verbose_name=_("receiver"),
        db_index=False,  # `connection_received` begins with it
    )
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    created_at = models.DateTimeField(_("sent"), default=timezone.now, editable=False)
    responded_at = models.DateTimeField(_("answered"), null=True, blank=True, editable=False)

    history = History(person="receiver_id")
    objects = ConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        constraints = [
            models.UniqueConstraint(
                Least("sender", "receiver"), Greatest("sender", "receiver"), name="connection_pair_unique"
            ),
            models.CheckConstraint(condition=~Q(sender=F("receiver")), name="connection_not_oneself"),
            models.CheckConstraint(
                condition=Q(status="pending", responded_at__isnull=True)
                | Q(status__in=["accepted", "rejected"], responded_at__isnull=False),
                name="connection_answered_once_settled",
            ),
        ]
        indexes = [
            models.Index(fields=["sender", "status", "-created_at"], name="connection_sent"),
            models.Index(fields=["receiver", "status", "-created_at"], name="connection_received"),
            models.Index(fields=["-created_at", "-id"], name="connection_newest"),
            models.Index(fields=["status", "-created_at"], name="connection_by_status"),
        ]
        permissions = [("export_connection", _("Can export connections"))]

    def __str__(self) -> str:
        return f"{self.sender} → {self.receiver}"

    def answer(self, status: str) -> None:
        """Leave pending for accepted or rejected."""
        if self.status != self.Status.PENDING:
            raise Conflict("already-answered", _("This request has been answered already."))
        self.status, self.responded_at = status, timezone.now()
