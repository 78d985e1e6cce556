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

# No account has a longer name or mail address, in whatever way it is written.
NAME_LENGTH = 1000


def account_key(name: str) -> str:
    """What wrong guesses at this account are counted under, by whichever of its names it is called.

    Short. A name without an account is hashed, since passwords are typed into the wrong field.
    """
    name = name[:NAME_LENGTH]
    user = account_named(name)
    return str(user.pk) if user else f"no account:{salted_hmac('account', fold(name)).hexdigest()}"


@transaction.atomic
def release(actor: User | None, user: User) -> None:
    """Let `user` try again at once, from every address."""
    record(actor, Action.RELEASED, user)
    reset(username=account_key(user.username))
