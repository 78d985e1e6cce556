"""Registration of end users."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Invalid
from apps.users.accounts.identifiers import check_account, save_account
from apps.users.models import CLIENT_ROLES, Profile, User
from apps.users.passwords import check_new_password


@transaction.atomic
def register(*, username: str, email: str, password: str, role: str, phone: str = "", language: str = "en") -> User:
    """A new end user with an empty profile, who reads `language`. Raises `Invalid`, naming the field."""
    if role not in CLIENT_ROLES:
        raise Invalid("invalid", _("Choose influencer, entrepreneur or brand."), field="role")
    user = User(username=username, email=email, role=role, phone=phone, language=language)
    check_account(user)
    check_new_password(password, user, field="password")
    user.set_password(password)
    save_account(user, action=Action.ACCOUNT_REGISTERED)
    save_as(user, Profile(user=user), action=Action.ACCOUNT_REGISTERED)
    return user
