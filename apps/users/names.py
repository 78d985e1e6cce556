"""User names: which are allowed, and which are taken for one another. By ICU, after Unicode UTS 39."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, models, transaction
from django.db.models import Case, F, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _
from icu import Locale, SpoofChecker, UnicodeSet, UnicodeString, URestrictionLevel, USpoofChecks

LOOKS_TAKEN = _("This user name looks like one that is taken.")
ONE_SCRIPT = _("Use letters and digits of one script, all of them visible.")
KEY_SIZE = 16
"""Bytes of a key: that two of a million names have the same one by chance is one case in 10^26."""
SHOWN = 18
"""How many clashes a report names."""


def _checker() -> SpoofChecker:
    checker = SpoofChecker()
    # Hangul fillers are letters to Python, and visible to ICU's INVISIBLE.
    checker.setAllowedUnicodeSet(UnicodeSet("[:^Default_Ignorable_Code_Point:]"))
    checker.setRestrictionLevel(URestrictionLevel.HIGHLY_RESTRICTIVE)
    checker.setChecks(USpoofChecks.RESTRICTION_LEVEL | USpoofChecks.MIXED_NUMBERS | USpoofChecks.CHAR_LIMIT)
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


class SkeletonKeyField(models.CharField):  # type: ignore[type-arg]
    """The key of the model's `username`, written with every row that is added and with every new name.

    Null is a name that looked like an older account's when skeletons were introduced, or one that the release before
    that wrote. It stays null until the next new name, so that such an account can be saved like any other.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": KEY_SIZE * 2, "null": True, "blank": True, "editable": False} | options)

    def deconstruct(self) -> Any:
        name, _path, args, options = super().deconstruct()
        return name, "django.db.models.CharField", args, options

    def pre_save(self, user: Any, add: bool) -> Any:
        key = skeleton_key(user.username)
        if add:
            setattr(user, self.attname, key)
            return key
        # In an UPDATE, columns have the values from before: the database says whether the name is a new one.
        return Case(When(username=user.username, then=F(self.attname)), default=Value(key))


def give_keys(users: QuerySet[Any], *, batch: int = 2000) -> list[tuple[int, int]]:
    """Give a key to each of `users` that has none, oldest account first, and return the clashes.

    A clash is the id of an account that gets none, with the id of the one that holds the key. In batches, each a
    transaction of its own; a run that was broken off goes on where it was. Raises `IntegrityError` where a name was
    taken at the same instant: run it again.
    """
    clashes: list[tuple[int, int]] = []
    last = 0
    while rows := list(
        users.filter(username_skeleton=None, pk__gt=last).order_by("pk").values_list("pk", "username")[:batch]
    ):
        keys = [(pk, name, skeleton_key(name)) for pk, name in rows]
        wanted = {key for _pk, _name, key in keys}
        holders = dict(users.filter(username_skeleton__in=wanted).values_list("username_skeleton", "pk"))
        for pk, _name, key in keys:
            if holders.setdefault(key, pk) != pk:
                clashes.append((pk, holders[key]))
        _store(users, [row for row in keys if holders[row[2]] == row[0]])
        last = rows[-1][0]
    return clashes


def renew_keys(users: QuerySet[Any], *, batch: int = 2000) -> list[tuple[int, int]]:
    """Make every key that of its name, as after an update of ICU's data, and return the clashes as `give_keys` does.

    Keys that are right stay where they are.
    """
    last = 0
    rows: list[Any]
    fields = ("pk", "username", "username_skeleton")
    keyed = users.exclude(username_skeleton=None).order_by("pk")
    while rows := list(keyed.filter(pk__gt=last).values_list(*fields)[:batch]):
        _store(users, [(pk, name, None) for pk, name, key in rows if key != skeleton_key(name)])
        last = rows[-1][0]
    return give_keys(users, batch=batch)


def _store(users: QuerySet[Any], keys: Sequence[tuple[int, str, str | None]]) -> None:
    """Write keys by id, to accounts that still have the name."""
    if not keys:
        return
    table = connections[users.db].ops.quote_name(users.model._meta.db_table)
    with transaction.atomic(users.db), connections[users.db].cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS account SET username_skeleton = given.key"  # noqa: S608
            " FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS given (id, name, key)"
            " WHERE account.id = given.id AND account.username = given.name",
            [list(column) for column in zip(*keys, strict=True)],
        )


def report(clashes: Sequence[tuple[int, int]]) -> Iterator[str]:
    """The clashes for an operator, in at most twenty lines, by ids."""
    if not clashes:
        return
    yield f"Accounts that keep a user name that looks like another's: {len(clashes)}"
    yield from (f"  user {pk} looks like user {holder}" for pk, holder in clashes[:SHOWN])
    if len(clashes) > SHOWN:
        yield f"  and {len(clashes) - SHOWN} more"
