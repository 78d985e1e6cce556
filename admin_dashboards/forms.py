from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from unfold.forms import AuthenticationForm

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


class SignInForm(AuthenticationForm):  # type: ignore[misc]
    """Signing in to the console."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        super(AuthenticationForm.__base__, self).confirm_login_allowed(user)
        if not user.is_staff:  # type: ignore[attr-defined]
            raise ValidationError(
                _("This account belongs to the app; the console is for staff only."), code="not-staff"
            )
