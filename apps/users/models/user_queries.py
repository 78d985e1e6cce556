from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Reverse

from apps.users.models.roles import Role
from apps.users.name_fields import KEYS, what_is_taken
from apps.users.names import (
    fold,
    seen,
    tidy,
)
from apps.users.passwords import composed

if TYPE_CHECKING:
    from apps.users.models.accounts import User


def phone_digits() -> Func:
    """The digits of the phone number alone, since the same number is written in many ways."""
    return Func(
        F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=models.TextField()
    )


def phone_digits_reversed() -> Func:
    """The digits of the phone number from last to first, so that an index finds a number by its end."""
    return Reverse(phone_digits(), output_field=models.TextField())


def spellings_of(text: str) -> list[str]:
    """A name or address as it may be stored where it has no key: composed, and as it was typed."""
    return [tidy(seen(text)), seen(text).strip()]


class UserQuerySet(models.QuerySet["User"]):
    def clients(self) -> UserQuerySet:
        """End users, who come through the API."""
        return self.filter(is_staff=False)

    def staff(self) -> UserQuerySet:
        return self.filter(is_staff=True)

    def active(self) -> UserQuerySet:
        return self.filter(is_active=True)

    def named(self, username: str) -> UserQuerySet:
        """The account with this user name in any spelling. Where there are two, the first is meant."""
        return self._known_by("username", username)

    def mailed(self, email: str) -> UserQuerySet:
        """The account with this email address in any spelling. Where there are two, the first is meant."""
        return self._known_by("email", email)

    def _known_by(self, field: str, text: str) -> UserQuerySet:
        return self.known_as(field, fold(text), [Value(each) for each in spellings_of(text)])

    def known_as(self, field: str, key: Any, spellings: list[Any]) -> UserQuerySet:
        """The accounts of which `field` has this key; the one that is meant comes first."""
        # An account without a key, since an older one has it, is meant by its own spelling, composed or not.
        keyless = Q(**{f"{field}_key": None, f"lower_{field}__in": [Lower(each) for each in spellings]})
        found = self.alias(**{f"lower_{field}": Lower(field)}).filter(Q(**{f"{field}_key": key}) | keyless)
        return found.order_by(F(f"{field}_key").asc(nulls_first=True))

    def with_name_part(self, part: str, *, at_start: bool = False) -> UserQuerySet:
        """Accounts whose user name contains `part`, or begins with it, in any spelling."""
        how = "startswith" if at_start else "contains"
        keyless = Q(**{"username_key": None, f"username__i{how}": seen(part)})
        return self.filter(Q(**{f"username_key__{how}": fold(part)}) | keyless)

    def with_address_part(self, part: str) -> UserQuerySet:
        """Accounts whose email address contains `part`, likewise. Not for all end users: no index serves it."""
        keyless = Q(email_key=None, email__icontains=seen(part))
        return self.filter(Q(email_key__contains=fold(part)) | keyless)

    def with_profile(self) -> UserQuerySet:
        return self.select_related("profile")

    def update(self, **values: Any) -> int:
        """As Django's. A new user name or mail address, which must be one for all rows, comes with its keys."""
        for key in KEYS:
            if key.of in values:
                if not isinstance(values[key.of], str):
                    raise TypeError("A user name or mail address is set by its text, so that its keys can be computed.")
                values[key.column] = key.make(tidy(values[key.of]))
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]


class UserManager(DjangoUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Finds accounts by every spelling of their name."""

    def get_by_natural_key(self, username: str | None) -> User:
        user = self.named(username or "").first()
        if user is None:
            raise self.model.DoesNotExist
        return user

    async def aget_by_natural_key(self, username: str | None) -> User:
        return await sync_to_async(self.get_by_natural_key)(username)

    def _create_user_object(self, username: str, email: str | None, password: str | None, **rest: Any) -> User:
        made = None if password is None else composed(password)
        return super()._create_user_object(username, email, made, **rest)

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **rest: Any
    ) -> User:
        """As Django's. Raises `ValidationError` for a name or address that is taken, or looks like one that is."""
        try:
            with transaction.atomic(using=self.db):
                return super().create_superuser(username, email, password, **{"role": Role.STAFF} | rest)
        except IntegrityError as error:
            if (taken := what_is_taken(error)) is None:
                raise
            field, code, message = taken
            raise ValidationError({field: ValidationError(str(message), code=code)}) from error
