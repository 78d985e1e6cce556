"""Changes and resets of passwords, each of which ends all sessions of the user."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Invalid
from apps.users.accounts import mails
from apps.users.authentication.jobs import send_reset_code
from apps.users.authentication.sessions import end_all
from apps.users.models import ResetCode, User
from apps.users.models.second_factors import is_digits
from apps.users.names import tidy_code
from apps.users.passwords import check_new_password, dummy_hash, require_password


@transaction.atomic
def change_password(user: User, *, old_password: str, new_password: str) -> None:
    """Set a new password and end every session of the user, the present one included."""
    user = User.objects.select_for_update().get(pk=user.pk)
    require_password(user, old_password, field="old_password")
    set_password(user, user, new_password, field="new_password", action=Action.PASSWORD_CHANGED)


def request_reset(email: str) -> None:
    """Mail a reset code to the end user with this address; without one, the same work has no effect."""
    user = _client_with(email)
    # The same work either way: response times must not disclose accounts.
    send_reset_code.defer(user_id=user.pk if user else 0)


def confirm_reset(email: str, *, code: str, password: str) -> None:
    """Set a new password by the code from the mail. Raises `Invalid` alike for whatever is wrong with the code.

    A malformed code has an error of its own, and is not counted.
    """
    code = tidy_code(code)
    if not is_digits(code):
        raise Invalid("no-code", _("Enter the six digits of the code."), field="otp")
    if not _redeem(email, code, password):
        raise Invalid("wrong-code", _("This code is wrong or has expired. Ask for a new one."), field="otp")


@transaction.atomic
def _redeem(email: str, code: str, password: str) -> bool:
    # The wrong try must be counted, so this returns rather than raises.
    user = _client_with(email)
    sent = ResetCode.objects.select_for_update().filter(user=user).first() if user else None
    right = check_password(code, sent.code_hash if sent else dummy_hash())
    if user is None or sent is None or sent.tries_left == 0 or sent.expires_at <= timezone.now():
        return False
    if not right:
        sent.tries_left = F("tries_left") - 1
        sent.save(update_fields=["tries_left"])
        return False
    user = User.objects.select_for_update().get(pk=user.pk)
    set_password(user, user, password, field="password", action=Action.PASSWORD_RESET)
    sent.delete()
    return True


def set_password(actor: User | None, user: User, password: str, *, field: str, action: Action) -> None:
    """Set the password of `user`, whose row is locked, end all their sessions, and notify them by mail."""
    check_new_password(password, user, field=field)
    user.set_password(password)
    user.token_version += 1
    save_as(actor, user, action=action, secret=True)
    end_all(actor, user, action=action)
    mails.mail_account_notice(user, "password_changed")


def _client_with(email: str) -> User | None:
    user = User.objects.mailed(email).first()
    return user if user and user.is_active and not user.is_staff else None
