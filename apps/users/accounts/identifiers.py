"""User names and email addresses of accounts: found, checked and saved, each unique."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import TextField

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Invalid
from apps.users.accounts.mails import mail_account_notice
from apps.users.models import User
from apps.users.models.user_queries import spellings_of
from apps.users.name_fields import KEYS, what_is_taken
from apps.users.names import MAIL_TAKEN, NAME_TAKEN, fold, tidy
from apps.visibility.slots import Slot
from apps.visibility.statement import Statement

# Paths of the API beside which profiles are found by user name.
RESERVED_NAMES = {"image", "access_log"}


def changes_identifiers(user: User, changes: Mapping[str, Any]) -> bool:
    """Whether these changes include another user name or email address."""
    return any(tidy(changes.get(key.of, "")) not in ("", tidy(getattr(user, key.of))) for key in KEYS)


def notify_former_address(user: User) -> None:
    """Mail the present address of `user` before it changes, named by the version of the account that has it."""
    address = tidy(user.email)
    version = next((version for version in user.history.only("email") if version.email == address), None)
    if version is None:  # the account came without a history
        save_as(None, user, action=Action.RECORDED)
        version = user.history.first()
    mail_account_notice(user, "email_changed", version=version.pk)


def check_account(user: User, *, kept: AbstractSet[str] = frozenset()) -> None:
    """Raise `Invalid` for the first field that breaks a rule; those in `kept` may be older than the rules."""
    user.clean()
    try:
        user.clean_fields(exclude={"password", *kept})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid("invalid", " ".join(messages), field=field) from error
    others = User.objects.exclude(pk=user.pk)
    if "username" not in kept and (fold(user.username) in RESERVED_NAMES or others.named(user.username).exists()):
        raise Invalid("taken", NAME_TAKEN, field="username")
    if "email" not in kept and others.mailed(user.email).exists():
        raise Invalid("taken", MAIL_TAKEN, field="email")


def save_account(user: User, *, action: Action) -> None:
    """Save a checked account. Raises `Invalid` where the name or address was taken meanwhile."""
    with refuse_taken():
        # At registration there is no actor yet.
        save_as(user if user.pk else None, user, action=action)


@contextmanager
def refuse_taken() -> Iterator[None]:
    """Raises `Invalid`, naming the field, where saving an account fails for a name or address that another has."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if (taken := what_is_taken(error)) is None:
            raise
        field, code, message = taken
        raise Invalid(code, message, field=field) from error


def account_named(name: str) -> User | None:
    """The account with this user name or email address in any spelling, or None."""
    composed, typed = spellings_of(name)
    values = {"key": fold(name), "composed": composed, "typed": typed}
    found: list[User] = _known_as("email" if "@" in tidy(name) else "username").page(0, 1, values)
    return found[0] if found else None


@cache
def _known_as(field: str) -> Statement:
    """The accounts of one user name or email address. A wrong password asks for it seven times, a right one five."""
    key, *spellings = (Slot(name, TextField()) for name in ("key", "composed", "typed"))
    return Statement(User.objects.known_as(field, key, spellings))
