from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.users.models.accounts import User


class Theme(models.TextChoices):
    SYSTEM = "system", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class Profile(models.Model):
    """The public profile of a user."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, verbose_name=_("user"))
    bio = models.TextField(_("about"), blank=True, max_length=2000)
    social_links = models.JSONField(_("social links"), default=dict, blank=True)
    company_name = models.CharField(_("company"), max_length=150, blank=True)
    business_category = models.CharField(_("business category"), max_length=100, blank=True)
    image = models.FileField(_("picture"), upload_to="profiles", blank=True, max_length=255)
    theme = models.CharField(_("theme"), max_length=8, choices=Theme, default=Theme.SYSTEM)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    history = History(
        excluded_fields=["updated_at"],
        person="user_id",
        personal=["bio", "social_links", "company_name", "business_category"],
    )

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        constraints = [models.CheckConstraint(condition=Q(theme__in=Theme.values), name="profile_theme_known")]
        indexes = [GinIndex(OpClass(Upper("company_name"), name="gin_trgm_ops"), name="profile_company_search")]
        permissions = [("export_profile", _("Can export profiles"))]

    def __str__(self) -> str:
        return str(self.user)
