"""User names and email addresses of accounts: found, checked and saved, each unique."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Invalid
from apps.users.accounts.mails import mail_account_notice
from apps.users.models import User
from apps.users.name_fields import KEYS, what_is_taken
from apps.users.names import MAIL_TAKEN, NAME_TAKEN, fold, tidy

# Addresses that would otherwise be profiles of people.
RESERVED_NAMES = {"image", "access_log"}


def is_moving(user: User, changes: Mapping[str, Any]) -> bool:
    """Whether these changes write the user name or mail address otherwise than it is."""
    return any(tidy(changes.get(key.of, "")) not in ("", tidy(getattr(user, key.of))) for key in KEYS)


def notify_former_address(user: User) -> None:
    """Mail the address of `user` as it is now that it is about to be another's; the version that has it says which."""
    version = user.history.filter(email=tidy(user.email)).first()
    if version is None:  # the account came without a history
        save_as(None, user, action=Action.RECORDED)
        version = user.history.first()
    mail_account_notice(user, "email_changed", version=version.pk)


def check_account(user: User, *, kept: AbstractSet[str] = frozenset()) -> None:
    """Raise `Invalid` for the first field that cannot stand. What is kept may be older than the rules."""
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
    """Save what was checked, unless the name or address is taken."""
    with taken_refused():
        # Who registers is nobody yet.
        save_as(user if user.pk else None, user, action=action)


@contextmanager
def taken_refused() -> Iterator[None]:
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
    """Whoever has this user name or mail address, however it is written."""
    return (User.objects.mailed if "@" in tidy(name) else User.objects.named)(name).first()
