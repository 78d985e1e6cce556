"""Upkeep of the stored keys of user names and email addresses: triggers, backfill and renewal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pgtrigger
from django.db import connections, transaction
from django.db.models import QuerySet

from apps.users.name_fields import MAIL, NAME, SKELETON, Key

SHOWN = 18
"""How many clashes a report names."""


def triggers() -> list[pgtrigger.Trigger]:
    """Clear the key of an account to which the previous release gives another name or address while it serves.

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


def give_keys(users: QuerySet[Any], key: Key = SKELETON, *, batch: int = 2000) -> list[tuple[int, int]]:
    """Give the key to each of `users` that has none, oldest account first, and return the clashes.

    A clash is the id of an account that gets none, with the id of the one that has the key. In batches, each a
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


def renew_keys(users: QuerySet[Any], key: Key = SKELETON, *, batch: int = 2000) -> list[tuple[int, int]]:
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


def report(clashes: Sequence[tuple[int, int]], key: Key = SKELETON) -> Iterator[str]:
    """The clashes for an operator, in at most twenty lines, by ids."""
    if not clashes:
        return
    if key is SKELETON:
        yield f"Accounts that keep a user name that looks like another's: {len(clashes)}"
    else:
        yield f"Accounts that keep the {key.of} of another, and are found by their own spelling alone: {len(clashes)}"
    yield from (f"  user {pk} {key.clash} user {holder}" for pk, holder in clashes[:SHOWN])
    if len(clashes) > SHOWN:
        yield f"  and {len(clashes) - SHOWN} more"
