"""Passkeys: credentials of WebAuthn, which sign in end users and are a second factor of staff.

Here only what differs from django-otp-webauthn, which has columns for all that WebAuthn (level 3, section 4) calls a
credential record.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy
from django_otp_webauthn.models import AbstractWebAuthnCredential


class Passkey(AbstractWebAuthnCredential):
    """One passkey of a user: its public key, how often it has signed, and when it was last used."""

    user = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="+")
    sign_count = models.BigIntegerField(default=0, editable=False)
    """Unsigned, of 32 bits: the library's column ends at half of that."""

    class Meta:
        verbose_name = gettext_lazy("passkey")
        verbose_name_plural = gettext_lazy("passkeys")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def get_by_credential_id(cls, credential_id: bytes) -> Passkey:
        """As the library's, locked: of two that sign with one counter, the second is seen to be a copy."""
        locked = cls.objects.select_for_update(of=("self",)).select_related("user")
        return locked.get(credential_id_sha256=cls.get_credential_id_sha256(credential_id))
