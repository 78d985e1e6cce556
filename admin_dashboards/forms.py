from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from apps.users.sessions import change_password

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


class SignInForm(AuthenticationForm):  # type: ignore[misc]
    """Signing in to the console."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        super(AdminAuthenticationForm, self).confirm_login_allowed(user)  # type: ignore[misc]
        if not user.is_staff:  # type: ignore[attr-defined]
            credentials = {"username": user.get_username()}
            user_login_failed.send(sender=__name__, credentials=credentials, request=self.request)
            raise ValidationError(
                _("This account belongs to the app; the console is for staff only."), code="not-staff"
            )


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """A new password for oneself, by the service: all sessions end with the old one."""

    def save(self, commit: bool = True) -> Any:
        data = self.cleaned_data
        change_password(self.user, old_password=data["old_password"], new_password=data["new_password1"])
        # The sign-in of this browser is renewed from the account as it is now.
        self.user.refresh_from_db()
        return self.user
