"""User names, mail addresses and codes as people write them: how they are stored, compared and taken for one another.

Whoever looks for a name or an address compares its folded form, which is stored beside it under a unique constraint.
Mail goes to the address that is stored, never to the one that was looked for.
What looks alike is said by ICU, after Unicode UTS 39.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import pgtrigger
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, models, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from icu import Locale, SpoofChecker, UnicodeSet, UnicodeString, URestrictionLevel, USpoofChecks

NAME_TAKEN = _("This user name is taken.")
MAIL_TAKEN = _("This email address is taken.")
LOOKS_TAKEN = _("This user name looks like one that is taken.")
LETTERS = _("Use letters, digits and . + - _ only, beginning with a letter or digit and not ending with a dot.")
ONE_SCRIPT = _("Use letters and digits of one script, all of them visible.")
KEY_SIZE = 16
"""Bytes of a key: that two of a million names have the same one by chance is one case in 10^26."""
SHOWN = 18
"""How many clashes a report names."""
MOST_MARKS = 4
"""How many marks one letter may carry (UTS 39, 5.4)."""


# --- As people write it ----------------------------------------------------------------------------------------------


def tidy(text: str) -> str:
    """A name or address as it is stored: composed (NFKC), without the blanks and invisible signs around it."""
    text = unicodedata.normalize("NFKC", text)
    shown = [place for place, sign in enumerate(text) if not (sign.isspace() or unicodedata.category(sign) == "Cf")]
    return text[shown[0] : shown[-1] + 1] if shown else ""


def seen(text: str) -> str:
    """The signs of it that can be seen, blanks included."""
    return "".join(sign for sign in text if sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cf", "Cs"))


def fold(text: str) -> str:
    """What two spellings of one name or address have in common, whatever their case, composition and width.

    Unicode's compatibility caseless match (D146), by way of capitals and without the dot over an i, so that İ, I, i and
    ı meet: what they are capitals of depends on the language. Invisible signs do not count. Folded text stays as it is.
    """
    folded = unicodedata.normalize("NFKD", seen(text)).strip().upper().casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold()
    return unicodedata.normalize("NFKC", folded).replace("i\u0307", "i")


def is_same_mailbox(one: str, other: str) -> bool:
    """Whether both are one address, whatever the case of its ASCII letters (RFC 1035, 2.3.3).

    Addresses that fold alike may belong to different people: gmaıl.com is not gmail.com.
    """
    # Bytes: their `lower` knows ASCII alone.
    first, second = (tidy(address).encode("utf-8", "surrogatepass").lower() for address in (one, other))
    return first == second


def tidy_code(text: str) -> str:
    """A code without what apps, mails and people put around and between its signs; its digits are 0 to 9."""
    signs = (sign for sign in unicodedata.normalize("NFKC", text).lower() if sign.isalnum())
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in signs)


def _has(field: str, text: str) -> Q:
    """Whether a row has this text, tidied or as an older account may have it.

    In an UPDATE, columns have the values from before: there the database says whether a text is a new one.
    """
    return Q(**{f"{field}__in": sorted({text, tidy(text)})})


class _Tidied:
    """A field that stores its text tidied, whoever writes it.

    What was stored before that stays as it is until it is another: the tidied text may be an older account's. So it is
    compared as it is, too.
    """

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)  # type: ignore[misc]
        return tidy(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else super().get_prep_value(value)  # type: ignore[misc]

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        value = self.to_python(value) if isinstance(value, str) else value
        return super().get_db_prep_save(value, connection)  # type: ignore[misc]

    def pre_save(self, row: Any, add: bool) -> Any:
        text = super().pre_save(row, add)  # type: ignore[misc]
        if add or not isinstance(text, str) or text == tidy(text):
            return text
        name = self.attname  # type: ignore[attr-defined]
        return Case(When(_has(name, text), then=F(name)), default=Value(tidy(text)))

    def deconstruct(self) -> Any:
        name, _path, args, options = super().deconstruct()  # type: ignore[misc]
        return name, f"django.db.models.{self.PLAIN}", args, options  # type: ignore[attr-defined]

    def formfield(self, **options: Any) -> Any:
        """What forms ask for, tidied before they judge it."""
        field: Any = super().formfield(**options)  # type: ignore[misc]
        as_sent = field.to_python
        field.to_python = lambda value: tidy(as_sent(value))
        return field


class NameField(_Tidied, models.CharField):  # type: ignore[type-arg]
    PLAIN = "CharField"


def validate_domain(address: str) -> None:
    """Refuse a domain that mail would leave for as another: to straße.de it goes as strasse.de (IDNA 2003)."""
    domain = address.rpartition("@")[2].lower()
    if domain.isascii():
        return
    try:
        reached = domain.encode("idna").decode("idna")
    except UnicodeError:
        reached = ""
    if reached != domain:
        raise ValidationError(_("Write the part after the @ in ASCII, as in xn--bcher-kva.example."))


class AddressField(_Tidied, models.EmailField):  # type: ignore[type-arg]
    PLAIN = "EmailField"
    default_validators = [*models.EmailField.default_validators, validate_domain]


# --- What is allowed --------------------------------------------------------------------------------------------------


def validate_username(name: str) -> None:
    """Refuse signs that are no part of a name. No "@", so that a name is never taken for a mail address at sign-in."""
    marks = 0
    for sign in name:
        marks = marks + 1 if unicodedata.category(sign) in ("Mn", "Mc") else 0
        if marks > MOST_MARKS or not (marks or sign.isalnum() or sign in "_.+-"):
            raise ValidationError(LETTERS, code="invalid")
    if not name or not (name[0].isalnum() or name[0] == "_") or name.endswith("."):
        raise ValidationError(LETTERS, code="invalid")


def _checker() -> SpoofChecker:
    checker = SpoofChecker()
    # Hangul fillers are letters to Python, and visible to ICU's INVISIBLE.
    checker.setAllowedUnicodeSet(UnicodeSet("[:^Default_Ignorable_Code_Point:]"))
    checker.setRestrictionLevel(URestrictionLevel.HIGHLY_RESTRICTIVE)
    checks = USpoofChecks.RESTRICTION_LEVEL | USpoofChecks.MIXED_NUMBERS | USpoofChecks.CHAR_LIMIT
    checker.setChecks(checks | USpoofChecks.INVISIBLE)
    return checker


CHECKER = _checker()
"""One for all threads: ICU lets many ask a checker at once, as long as none changes it."""


def validate_script(name: str) -> None:
    """Refuse a name of several scripts ("admin" with one Cyrillic letter), of several kinds of digits, or invisible.

    UTS 39, "Highly Restrictive": one script, or Latin with those that are written beside it in Japan, China and Korea.
    """
    if CHECKER.check(name):
        raise ValidationError(ONE_SCRIPT, code="script")


def skeleton(name: str) -> str:
    """What the name looks like without regard to case: the same for all names that are taken for one another.

    Of the name as it is written first, for a capital I looks like an l and a small i does not; then of that in lower
    case, which may look like something else again. Longer than the name, at worst seven times.
    """
    return _skeleton(str(UnicodeString(_skeleton(name)).toLower(Locale.getRoot())))


def _skeleton(text: str) -> str:
    return str(CHECKER.getSkeleton(0, text))  # the first argument has had no meaning since ICU 58


def skeleton_key(name: str) -> str:
    """The skeleton as it is stored: a digest, since an index row holds no skeleton of any length."""
    return blake2b(skeleton(name).encode("utf-8", "surrogatepass"), digest_size=KEY_SIZE).hexdigest()


# --- What is stored beside it ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Key:
    """A column that holds what `make` makes of another, by which accounts are found and kept apart."""

    column: str
    of: str
    make: Callable[[str], str]
    clash: str
    """What it means that another account has it."""


NAME = Key("username_key", "username", fold, "is written like")
MAIL = Key("email_key", "email", fold, "has the mail address of")
LOOK = Key("username_skeleton", "username", skeleton_key, "looks like")
KEYS = (NAME, MAIL, LOOK)


class KeyField(models.CharField):  # type: ignore[type-arg]
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


def triggers() -> list[pgtrigger.Trigger]:
    """Take the key away from an account to which the release before gives another name or address while it serves.

    It leaves the old key where it is; without one, the account is found by its spelling until `renew_name_keys`. A
    writer of keys says so by naming the column, even where the key of the new spelling is that of the old: the first
    trigger marks what was given with a line break, the second removes that, or a key without one. They run in the order
    of their names.
    """
    given = "NEW.{0} || E'\\n'"
    kept = "CASE WHEN NEW.{0} = OLD.{0} THEN NULL ELSE rtrim(NEW.{0}, E'\\n') END"
    return [
        _trigger("key_1_given", pgtrigger.UpdateOf(NAME.column, MAIL.column), given),  # type: ignore[no-untyped-call]
        _trigger("key_2_kept", pgtrigger.Update, kept),
    ]


def _trigger(name: str, operation: Any, value: str) -> pgtrigger.Trigger:
    """Set the key of each text that an UPDATE changes to `value`, in which {0} is its column."""
    changed = {key.column: f"NEW.{key.of} <> OLD.{key.of}" for key in (NAME, MAIL)}
    lines = [f"IF {text} THEN NEW.{key} = {value.format(key)}; END IF;" for key, text in changed.items()]
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=operation,
        condition=pgtrigger.Condition(" OR ".join(changed.values())),
        func="\n".join([*lines, "RETURN NEW;"]),
    )


def give_keys(users: QuerySet[Any], key: Key = LOOK, *, batch: int = 2000) -> list[tuple[int, int]]:
    """Give the key to each of `users` that has none, oldest account first, and return the clashes.

    A clash is the id of an account that gets none, with the id of the one that holds the key. In batches, each a
    transaction of its own; a run that was broken off goes on where it was. Raises `IntegrityError` where a name was
    taken at the same instant: run it again.
    """
    clashes: list[tuple[int, int]] = []
    last = 0
    rows: list[Any]
    keyless = users.filter(**{key.column: None}).order_by("pk")
    while rows := list(keyless.filter(pk__gt=last).values_list("pk", key.of)[:batch]):
        keys = [(pk, name, key.make(name)) for pk, name in rows]
        wanted = {made for _pk, _name, made in keys}
        holders = dict(users.filter(**{f"{key.column}__in": wanted}).values_list(key.column, "pk"))
        for pk, _name, made in keys:
            if holders.setdefault(made, pk) != pk:
                clashes.append((pk, holders[made]))
        _store(users, key, [row for row in keys if holders[row[2]] == row[0]])
        last = rows[-1][0]
    return clashes


def renew_keys(users: QuerySet[Any], key: Key = LOOK, *, batch: int = 2000) -> list[tuple[int, int]]:
    """Make every key that of its name, as after an update of ICU's data, and return the clashes as `give_keys` does.

    Keys that are right stay where they are.
    """
    last = 0
    rows: list[Any]
    keyed = users.exclude(**{key.column: None}).order_by("pk")
    while rows := list(keyed.filter(pk__gt=last).values_list("pk", key.of, key.column)[:batch]):
        _store(users, key, [(pk, name, None) for pk, name, stored in rows if stored != key.make(name)])
        last = rows[-1][0]
    return give_keys(users, key, batch=batch)


def _store(users: QuerySet[Any], key: Key, rows: Sequence[tuple[int, str, str | None]]) -> None:
    """Write keys by id, to accounts that still have the name."""
    if not rows:
        return
    quote = connections[users.db].ops.quote_name
    table, column, of = quote(users.model._meta.db_table), quote(key.column), quote(key.of)
    with transaction.atomic(users.db), connections[users.db].cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS account SET {column} = given.key"  # noqa: S608
            " FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS given (id, name, key)"
            f" WHERE account.id = given.id AND account.{of} = given.name",
            [list(values) for values in zip(*rows, strict=True)],
        )


def report(clashes: Sequence[tuple[int, int]], key: Key = LOOK) -> Iterator[str]:
    """The clashes for an operator, in at most twenty lines, by ids."""
    if not clashes:
        return
    if key is LOOK:
        yield f"Accounts that keep a user name that looks like another's: {len(clashes)}"
    else:
        yield f"Accounts that keep the {key.of} of another, and are found by their own spelling alone: {len(clashes)}"
    yield from (f"  user {pk} {key.clash} user {holder}" for pk, holder in clashes[:SHOWN])
    if len(clashes) > SHOWN:
        yield f"  and {len(clashes) - SHOWN} more"


# --- Taken -----------------------------------------------------------------------------------------------------------

type Taken = tuple[str, str, Promise]
"""The field, a code and a sentence."""

TAKEN: dict[str, Taken] = {
    "username_key_unique": ("username", "taken", NAME_TAKEN),
    "username_unique": ("username", "taken", NAME_TAKEN),
    "users_user_username_key": ("username", "taken", NAME_TAKEN),
    "username_look_unique": ("username", "look-alike", LOOKS_TAKEN),
    "email_key_unique": ("email", "taken", MAIL_TAKEN),
    "email_unique": ("email", "taken", MAIL_TAKEN),
}
"""What each constraint says that keeps accounts apart."""


def what_is_taken(error: IntegrityError) -> Taken | None:
    """Which name or address another account has, where saving one failed for that."""
    return TAKEN.get(getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or "")
