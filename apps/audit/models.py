from __future__ import annotations

from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.audit.actions import label_of
from apps.audit.encryption import EncryptedJSON, EncryptedText
from apps.audit.insert import insert_alone


def append_only() -> list[pgtrigger.Trigger]:
    """Triggers that refuse to change, delete or empty a table, for every role."""
    return [
        pgtrigger.Protect(name="append_only_rows", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name="append_only_table",
            when=pgtrigger.Before,
            level=pgtrigger.Statement,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'append-only: % may not be emptied', TG_TABLE_NAME;",
        ),
    ]


class PersonKey(models.Model):
    """The key under which history and audit keep what is personal of one person, see `encryption.py`.

    Kept when the account is deleted. Destroyed, never deleted: a new one would let a person come back half erased.
    """

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        primary_key=True,
        related_name="person_key",
        verbose_name=_("user"),
    )
    key = models.BinaryField(_("key"), max_length=32, null=True)
    """Null once it has been destroyed."""

    class Meta:
        verbose_name = _("key of a person")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.person_id}"


class Use(models.Model):
    """The last day on which a user made use of a permission: a grant that is never used can be revoked."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    perm = models.CharField(max_length=150)
    """As in "stories.delete_story"."""
    last_on = models.DateField()

    class Meta:
        verbose_name = _("use of a permission")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "perm"], name="use_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.perm}"


class Entry(models.Model):
    """Audit log entry: who did what to which object, why, from where. Never changed, never deleted."""

    # Without the index that Django would add: a longer one of the same beginning is below.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("who"),
    )
    verb = models.CharField(_("action"), max_length=32)
    target_type = models.CharField(_("object type"), max_length=64, blank=True)
    target_id = models.CharField(_("object"), max_length=64, blank=True)
    reason = EncryptedText(_("reason"), blank=True, person="text_person")
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("user concerned"),
    )
    """Whose personal data was viewed, and who reads of it; or to whom something was done."""
    detail = models.JSONField(_("detail"), default=dict)
    """Codes and numbers; see `details`."""
    private = EncryptedJSON(_("private detail"), null=True, person="text_person")
    """Names, addresses of pages and what was searched for."""
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    address = EncryptedText(_("address"), null=True, db_column="encrypted_address", person="address_person")
    # Of the release before, which still writes it while both run. To be dropped.
    plain_address = models.GenericIPAddressField(null=True, db_column="address")
    created_at = models.DateTimeField(_("when"), auto_now_add=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("export_entry", _("Can export the audit log"))]
        indexes = [
            models.Index(fields=["created_at"], name="audit_entry_time"),
            models.Index(fields=["actor", "created_at"], name="audit_entry_actor_time"),
            models.Index(fields=["verb", "created_at"], name="audit_entry_action_time"),
            models.Index(fields=["target_type", "created_at"], name="audit_entry_type_time"),
            models.Index(fields=["request_id"], name="audit_entry_request", condition=~Q(request_id="")),
            models.Index(fields=["target_type", "target_id", "-id"], name="audit_entry_target"),
            models.Index(fields=["subject", "-id"], name="audit_entry_subject", condition=Q(subject__isnull=False)),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.verb} {self.target_type} {self.target_id}".strip()

    @property
    def label(self) -> str:
        """What was done, as in "vera *viewed* document 7"."""
        return label_of(self.verb)

    text_person: int | None = None
    """Of a new entry: the id of the person under whose key its text is encrypted; not stored."""

    @property
    def address_person(self) -> int | None:
        """The same of its address: who acted, as far as that is known."""
        return self.actor_id or self.text_person

    @property
    def details(self) -> dict[str, Any]:
        """All that it says beside its columns, by name."""
        return self.detail | (self.private or {})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Writes it by a prepared statement, for almost every page of staff writes one; signals are not sent."""
        if self.pk is not None:
            raise TypeError("An audit entry is never changed.")
        insert_alone(self)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("An audit entry is never deleted.")
