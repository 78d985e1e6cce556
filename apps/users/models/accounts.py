from __future__ import annotations

import re
from datetime import datetime
from typing import Any, ClassVar

import pgtrigger
from django.contrib.auth.models import AbstractUser, Group
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.tallies.triggers import Tallied
from apps.users.models.memberships import GroupMembership
from apps.users.models.roles import CLIENT_ROLES, Role
from apps.users.models.user_queries import UserManager, phone_digits, phone_digits_reversed
from apps.users.name_fields import KEYS, MAIL, NAME, SKELETON, AddressField, KeyField, NameField
from apps.users.name_keys import triggers
from apps.users.names import (
    KEY_SIZE,
    LOOKALIKE_TAKEN,
    MAIL_TAKEN,
    NAME_TAKEN,
    fold,
    validate_script,
    validate_username,
)
from apps.users.passwords import composed, dummy_hash_for, spellings

PAGE_SIZES = (10, 25, 50, 100)
"""How many rows a page of the console shows: the choice, the first being the default."""


validate_phone = RegexValidator(
    re.compile(r"\A\+?[0-9][0-9 ().-]{3,30}\Z"), _("Enter a phone number, such as +1234567890.")
)


TALLIED = Tallied(
    "users",
    "users_user",
    "NOT is_staff AND is_active",
    kind="'users.' || role || CASE WHEN is_verified THEN '.verified' ELSE '' END",
)


class User(AbstractUser):
    """An account: of an end user, who uses the API, or of a member of staff, who uses the console."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    username = NameField(
        _("user name"),
        max_length=150,
        unique=True,
        validators=[validate_username, validate_script],
        error_messages={"unique": NAME_TAKEN},
    )
    username_key = KeyField(NAME)
    username_skeleton = KeyField(SKELETON, max_length=KEY_SIZE * 2)
    email = AddressField(_("email address"), error_messages={"unique": MAIL_TAKEN})
    email_key = KeyField(MAIL)
    role = models.CharField(_("role"), max_length=16, choices=Role)
    phone = models.CharField(_("phone"), max_length=32, blank=True, validators=[validate_phone])
    # Not "is_verified", the column's and the API's name: other packages put a method of that name on request.user.
    identity_verified = models.BooleanField(_("verified"), default=False, db_column="is_verified", editable=False)
    suspended_until = models.DateTimeField(_("suspended until"), null=True, blank=True, editable=False)
    groups = models.ManyToManyField(  # type: ignore[assignment]
        Group,
        through=GroupMembership,
        related_name="user_set",
        related_query_name="user",
        verbose_name=_("groups"),
        blank=True,
    )
    language = models.CharField(_("language"), max_length=16, default="en", db_default="en", editable=False)
    """Of mails and notifications: the one that the app asked for at the last sign-in."""
    token_version = models.PositiveIntegerField(default=1, editable=False)
    """Increases with each password change, and when the account is activated, deactivated, or made or no longer staff;
    never decreases. Tokens and sessions of an earlier version are invalid."""
    page_size = models.PositiveSmallIntegerField(
        default=PAGE_SIZES[0],
        db_default=PAGE_SIZES[0],  # the code of before does not name it
        choices=[(size, size) for size in PAGE_SIZES],
        editable=False,
    )

    history = History(
        excluded_fields=[*(key.column for key in KEYS), "password", "last_login", "token_version", "page_size"],
        m2m_fields=["groups", "user_permissions"],
        person="id",
        personal=["username", "email", "phone"],
    )
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(
                fields=["username_key"], name="username_key_unique", violation_error_message=NAME_TAKEN
            ),
            models.UniqueConstraint(
                fields=["username_skeleton"], name="username_look_unique", violation_error_message=LOOKALIKE_TAKEN
            ),
            models.UniqueConstraint(fields=["email_key"], name="email_key_unique", violation_error_message=MAIL_TAKEN),
            # For accounts without a key, and for the release before keys while it serves.
            models.UniqueConstraint(Lower("username"), name="username_unique", violation_error_message=NAME_TAKEN),
            models.UniqueConstraint(Lower("email"), name="email_unique", violation_error_message=MAIL_TAKEN),
            models.CheckConstraint(
                condition=Q(is_staff=True, role=Role.STAFF) | Q(is_staff=False, role__in=CLIENT_ROLES),
                name="role_fits_account",
                violation_error_message=_("Staff accounts have the role Staff, and nobody else has."),
            ),
            models.CheckConstraint(condition=Q(is_superuser=False) | Q(is_staff=True), name="superuser_is_staff"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_known"),
        ]
        indexes = [
            GinIndex(OpClass(F("username_key"), name="gin_trgm_ops"), name="user_name_search"),
            GinIndex(OpClass(Upper("email"), name="gin_trgm_ops"), name="user_email_search"),
            models.Index(fields=["is_staff", "role", "identity_verified", "id"], name="user_directory"),
            models.Index(fields=["is_staff", "-date_joined"], name="user_newest"),
            models.Index(fields=["id"], condition=Q(is_active=False), name="user_switched_off"),
            models.Index(phone_digits(), condition=~Q(phone=""), name="user_by_phone"),
            models.Index(
                OpClass(phone_digits_reversed(), name="text_pattern_ops"),
                condition=~Q(phone=""),
                name="user_by_phone_end",
            ),
        ]
        triggers = [
            # For every writer, also where the row is saved with an older version of it.
            pgtrigger.Trigger(
                name="sessions_end_with_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.is_active <> NEW.is_active OR OLD.is_staff <> NEW.is_staff"
                    " OR OLD.token_version > NEW.token_version"
                ),
                func="""
                    NEW.token_version = GREATEST(
                        NEW.token_version,
                        OLD.token_version + (OLD.is_active <> NEW.is_active OR OLD.is_staff <> NEW.is_staff)::int
                    );
                    RETURN NEW;
                """,
            ),
            *triggers(),
            *TALLIED.triggers(),
        ]
        permissions = [
            ("export_user", _("Can export users")),
            ("suspend_user", _("Can suspend user")),
            ("investigate_user", _("Can look into everything about one user")),
            ("look_as_user", _("Can see what a user sees")),
            ("reveal_user", _("Can reveal mail address and phone of a user")),
        ]

    def get_full_name(self) -> str:
        return self.username

    get_short_name = get_full_name

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """As it is: the field tidies a new one, and leaves one that is kept."""
        return username

    def save(self, *args: Any, **options: Any) -> None:
        fields = options.get("update_fields")
        if fields is not None:
            options["update_fields"] = {*fields, *(key.column for key in KEYS if key.of in fields)}
        super().save(*args, **options)

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(None if raw_password is None else composed(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the password, however its letters are composed: earlier ones were stored as they were typed."""
        tried = spellings(raw_password) if raw_password is not None else []
        return any(super(User, self).check_password(spelling) for spelling in tried)

    @property
    def is_suspended(self) -> bool:
        return self.is_suspended_at(timezone.now())

    def is_suspended_at(self, time: datetime) -> bool:
        return self.suspended_until is not None and self.suspended_until > time


SHOWN = {"id", "username", "role", "identity_verified"}
"""The columns of a person that every answer shows of them, with their picture."""


def unshown(path: str = "") -> list[str]:
    """The columns that no answer shows of a person at `path`, such as "host", with their profile; to be deferred.

    Nine tenths of the row: the password, the mail address and the phone need not leave the database for a list.
    """
    prefix = f"{path}__" if path else ""
    profile = User._meta.get_field("profile").related_model._meta.concrete_fields
    return [
        *(f"{prefix}{field.name}" for field in User._meta.concrete_fields if field.name not in SHOWN),
        *(f"{prefix}profile__{field.name}" for field in profile if field.name not in {"id", "user", "image"}),
    ]


def unknown_user(name: str) -> User:
    """A stand-in for an unknown name, whose password check takes as long as that of an account."""
    return User(password=dummy_hash_for(fold(name)))


class Staff(User):
    """The staff accounts, as the access desk manages them."""

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        proxy = True
        verbose_name = _("staff member")
        verbose_name_plural = _("users")
        permissions = [("grant_permission", _("Can grant permissions on single rows"))]
