from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.users.models.accounts import User
from apps.users.models.documents import DOCUMENT_NAME_LENGTH, DocType, Document


class Check(models.TextChoices):
    """A check that an officer ticks after viewing a document."""

    ONE_PERSON = "one_person", _("Photo shows one person")
    NAME_MATCHES = "name_matches", _("Name matches")
    CORNERS = "corners", _("All corners visible")
    UNTAMPERED = "untampered", _("No sign of tampering")
    COMPANY_MATCHES = "company_matches", _("Company name matches")
    ISSUED = "issued", _("Issued by a register or authority")
    ALL_PAGES = "all_pages", _("All pages there")


CHECKS = {
    DocType.IDENTITY: (Check.ONE_PERSON, Check.NAME_MATCHES, Check.CORNERS, Check.UNTAMPERED),
    DocType.BUSINESS: (Check.COMPANY_MATCHES, Check.ISSUED, Check.ALL_PAGES),
}
"""The checklist of each kind of document."""


class DocumentDetails(models.Model):
    """What a document says, as an officer read it. Personal, so it has no history, and goes with the document."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="details")
    name = models.CharField(_("name on the document"), max_length=DOCUMENT_NAME_LENGTH, blank=True)
    born = models.DateField(_("date of birth"), null=True, blank=True)
    """Of identity documents."""
    number = models.CharField(_("document number"), max_length=64, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    """The last day on which it is valid."""
    checks = ArrayField(models.CharField(max_length=16, choices=Check), verbose_name=_("checks"), default=list)
    typed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("typed by"))
    typed_at = models.DateTimeField(_("typed"), default=timezone.now)
    version = models.PositiveIntegerField(default=1)
    """Increases with each save; a change of an older version is refused."""

    class Meta:
        verbose_name = _("document details")
        verbose_name_plural = _("document details")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.document_id}"


class DocumentKey(models.Model):
    """Keyed hashes of a document's names and number, by which the same ones are found on other accounts."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="keys")
    key = models.CharField(max_length=32)

    class Meta:
        verbose_name = _("document key")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["document", "key"], name="document_key_once")]
        indexes = [models.Index(fields=["key", "-document"], name="document_by_key")]

    def __str__(self) -> str:
        return f"{self.document_id}"


class DocumentFingerprint(models.Model):
    """The fingerprint of the first page of a document, by which duplicates on other accounts are found."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="fingerprint")
    version = models.PositiveSmallIntegerField(default=0, db_default=0, db_index=True)
    """Of the algorithm; older fingerprints are recomputed in the background."""
    hashes = ArrayField(models.IntegerField(), null=True)
    """Of the features of the page, without those that many documents share."""
    features = models.BinaryField(max_length=10_800, null=True)
    """Positions and descriptors: 36 bytes for each of at most 300 features."""
    # Of the release before, which still writes them while both run. To be dropped.
    bits = models.BigIntegerField(null=True)
    bands = ArrayField(models.IntegerField(), size=4, null=True)
    sketch = models.BinaryField(max_length=1024, null=True)

    class Meta:
        verbose_name = _("fingerprint")
        default_permissions = ()
        db_table = "users_documentprint"
        indexes = [
            GinIndex(fields=["bands"], name="document_print_bands"),
            # No pending list: each of a thousand index scans would read all of it.
            GinIndex(fields=["hashes"], name="document_print_hashes", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"{self.document_id}"


class DuplicateMatch(models.Model):
    """A duplicate match: two documents with similar first pages."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    """The one that was found later."""
    other = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    score = models.FloatField(null=True)
    """Similarity, 0 to 1. None for matches of the previous release, which do not count."""

    class Meta:
        verbose_name = _("duplicate match")
        default_permissions = ()
        db_table = "users_documenttwin"
        constraints = [
            models.UniqueConstraint(Least("document", "other"), Greatest("document", "other"), name="twins_once"),
            models.CheckConstraint(condition=~Q(document=F("other")), name="twin_not_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} = {self.other_id}"
