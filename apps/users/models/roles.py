from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    INFLUENCER = "influencer", _("Influencer")
    ENTREPRENEUR = "entrepreneur", _("Entrepreneur")
    BRAND = "brand", _("Brand")
    STAFF = "staff", _("Staff")


CLIENT_ROLES = (Role.INFLUENCER, Role.ENTREPRENEUR, Role.BRAND)
"""The roles that people choose when they sign up."""
