from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import AdminOwnPasswordChangeForm

from admin_dashboards.context import StaffRequest
from apps.errors import Invalid
from apps.infra.client_address import counted_address
from apps.infra.limits import guesses
from apps.users.authentication.passwords import change_password
from apps.users.passwords import require_password


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """A new password for oneself, by the service: all sessions end with the old one."""

    def __init__(self, *args: Any, request: StaffRequest, **options: Any) -> None:
        super().__init__(*args, **options)
        self.request = request

    def clean_old_password(self) -> str:
        """Tries are counted as at sign-in: the session may have been left open to another user."""
        password = str(self.cleaned_data["old_password"])
        try:
            with guesses(counted_address(self.request.META), str(self.user.pk)):
                require_password(self.user, password, field="old_password")
        except Invalid as error:
            raise ValidationError(str(error), code="password_incorrect") from error
        return password

    def save(self, commit: bool = True) -> Any:
        data = self.cleaned_data
        change_password(self.user, old_password=data["old_password"], new_password=data["new_password1"])
        # The sign-in of this browser is renewed from the account as it is now.
        self.user.refresh_from_db()
        return self.user
