"""What somebody who is signed in gives again, to show that it is still them."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password
from django.utils.translation import gettext as _

from apps.errors import Invalid
from apps.users.models import User


def require_password(user: User, password: str, *, field: str) -> None:
    """Raise `Invalid` of the code `wrong-password` unless it is their present one.

    A guess at a password: entry points call whatever asks this inside `api.throttles.guesses`.
    """
    if not check_password(password, user.password):
        raise Invalid("wrong-password", _("This is not your present password."), field=field)
