"""Model fields of user names and email addresses, and the keys by which accounts are found and kept unique."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, models
from django.db.models import Case, F, Q, Value, When
from django.utils.functional import Promise

from apps.users.names import LOOKALIKE_TAKEN, MAIL_TAKEN, NAME_TAKEN, fold, skeleton_key, tidy, validate_domain

if TYPE_CHECKING:
    # Only the stubs have type arguments here.
    _Name = models.CharField[Any, str]
    _Key = models.CharField[Any, str | None]
    _Address = models.EmailField[Any, str]
    _Mixed = _Name
else:
    _Name, _Key, _Address = models.CharField, models.CharField, models.EmailField
    _Mixed = object  # mixed into one of these


def _has(field: str, text: str) -> Q:
    """Whether a row has this text, tidied or as an older account may have it.

    In an UPDATE, columns have the values from before: there the database says whether a text is a new one.
    """
    return Q(**{f"{field}__in": sorted({text, tidy(text)})})


class _Tidied(_Mixed):
    """A field that stores its text tidied, for every writer.

    What was stored before that stays as it is until it is another: the tidied text may be an older account's. So it is
    compared as it is, too.
    """

    PLAIN: str
    """The class of Django that migrations name instead."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return tidy(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else super().get_prep_value(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        value = self.to_python(value) if isinstance(value, str) else value
        return super().get_db_prep_save(value, connection)

    def pre_save(self, row: Any, add: bool) -> Any:
        text = super().pre_save(row, add)
        if add or not isinstance(text, str) or text == tidy(text):
            return text
        name = self.attname
        return Case(When(_has(name, text), then=F(name)), default=Value(tidy(text)))

    def deconstruct(self) -> Any:
        name, _path, args, options = super().deconstruct()
        return name, f"django.db.models.{self.PLAIN}", args, options

    def formfield(self, **options: Any) -> Any:
        """The field of forms, which tidies before it validates."""
        field: Any = super().formfield(**options)
        as_sent = field.to_python
        field.to_python = lambda value: tidy(as_sent(value))
        return field


class NameField(_Tidied, _Name):
    PLAIN = "CharField"


class AddressField(_Tidied, _Address):
    PLAIN = "EmailField"
    default_validators = [*models.EmailField.default_validators, validate_domain]


# --- What is stored beside it ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Key:
    """A column computed by `make` from another, by which accounts are found and kept unique."""

    column: str
    of: str
    make: Callable[[str], str]
    clash: str
    """What it means that another account has it."""


NAME = Key("username_key", "username", fold, "is written like")


MAIL = Key("email_key", "email", fold, "has the mail address of")


SKELETON = Key("username_skeleton", "username", skeleton_key, "looks like")


KEYS = (NAME, MAIL, SKELETON)


class KeyField(_Key):
    """A key, written with every row that is added and with every new name.

    Null is one that was an older account's when the column was introduced, or that of a row to which the release before
    gave its name. It stays null until the next new name, so that such an account can be saved like any other.
    """

    def __init__(self, key: Key, **options: Any) -> None:
        super().__init__(**{"null": True, "blank": True, "editable": False} | options)
        self.key = key

    def deconstruct(self) -> Any:
        name, _path, args, options = super().deconstruct()
        return name, "django.db.models.CharField", args, options

    def clone(self) -> Any:
        """Migrations know the column alone."""
        _name, _path, args, options = self.deconstruct()
        return models.CharField(*args, **options)

    def pre_save(self, user: Any, add: bool) -> Any:
        text = getattr(user, self.key.of)
        key = self.key.make(tidy(text))
        if add:
            setattr(user, self.attname, key)
            return key
        return Case(When(_has(self.key.of, text), then=F(self.attname)), default=Value(key))


# --- Taken -----------------------------------------------------------------------------------------------------------

type Taken = tuple[str, str, Promise]
"""The field, a code and a sentence."""


TAKEN: dict[str, Taken] = {
    "username_key_unique": ("username", "taken", NAME_TAKEN),
    "username_unique": ("username", "taken", NAME_TAKEN),
    "users_user_username_key": ("username", "taken", NAME_TAKEN),
    "username_look_unique": ("username", "look-alike", LOOKALIKE_TAKEN),
    "email_key_unique": ("email", "taken", MAIL_TAKEN),
    "email_unique": ("email", "taken", MAIL_TAKEN),
}
"""What each constraint says that keeps accounts apart."""


def what_is_taken(error: IntegrityError) -> Taken | None:
    """Which name or address another account has, where saving one failed for that."""
    return TAKEN.get(getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or "")
