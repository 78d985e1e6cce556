"""Lock-out of accounts after wrong passwords and codes: the key of the counter, and the release."""

from __future__ import annotations

from axes.utils import reset
from django.db import transaction
from django.utils.crypto import salted_hmac

from apps.audit.actions import Action
from apps.audit.services import record
from apps.users.accounts.identifiers import account_named
from apps.users.models import User
from apps.users.names import fold

# No account has a longer name or email address, in any spelling.
NAME_LENGTH = 1000


def lockout_key(name: str) -> str:
    """The key of the counter of wrong guesses: the same for the user name and email address of an account.

    Short. An unknown name is hashed, since it may be a password typed into the wrong field.
    """
    name = name[:NAME_LENGTH]
    user = account_named(name)
    return str(user.pk) if user else f"no account:{salted_hmac('account', fold(name), algorithm='sha256').hexdigest()}"


@transaction.atomic
def release_lockout(actor: User | None, user: User) -> None:
    """Release the lock-out of `user`, for every address."""
    record(actor, Action.RELEASED, user)
    reset(username=lockout_key(user.username))
