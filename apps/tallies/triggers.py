"""The triggers that keep tallies, for every writer: also raw SQL, and the release that served before.

Rows count while they meet a condition on their own columns and their owner is active. A writer locks the owners of
rows that begin or cease to count, as a foreign key does, and one who deactivates an owner waits for those who do: so
neither overlooks what the other has not committed yet.
"""

# ruff: noqa: S608 - tables and conditions are constants of the apps

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pgtrigger

from apps.tallies.buckets import ByTime

EPOCH = "'epoch'::timestamptz"
USERS = "users_user"
ADD = "INSERT INTO tallies_tally AS tally (kind, bucket, slot, n)"
"""In the order of the key, so that sessions that share a slot after a restart would still not deadlock."""
KEEP = "ORDER BY 1, 2 ON CONFLICT (kind, bucket, slot) DO UPDATE SET n = tally.n + excluded.n"


@dataclass(frozen=True, slots=True)
class Tallied:
    """What is counted of a table, by its columns: all rows by `kind`, which is SQL, and by each of `times`."""

    name: str
    """What the kinds begin with, up to a full stop."""
    table: str
    condition: str = ""
    times: Sequence[ByTime] = field(default=())
    kind: str = ""
    owner: str = ""
    """The column with the user that must be active. Empty where the condition says it all."""

    def rows(self, table: str) -> str:
        """SQL: the owner, kind and bucket of each row of `table` that counts if its owner is active."""
        owner = self.owner or "NULL::bigint"
        by_kind = [(self.kind, EPOCH, "")] if self.kind else []
        counted = [*by_kind, *((each.kinds, each.bucket, each.condition) for each in self.times)]
        return " UNION ALL ".join(
            f"SELECT {owner} AS owner, {kind} AS kind, {bucket} AS bucket FROM {table}"
            f" WHERE {' AND '.join(filter(None, (self.condition, condition))) or 'true'}"
            for kind, bucket, condition in counted
        )

    def active(self, rows: str) -> str:
        """SQL: those of `rows`, which have an owner, whose owner is active."""
        joined = f" JOIN {USERS} ON {USERS}.id = owner AND {USERS}.is_active" if self.owner else ""
        return f"({rows}) AS counted{joined}"

    def triggers(self) -> list[pgtrigger.Trigger]:
        """On the table itself."""
        new, old = self.rows("new_rows"), self.rows("old_rows")
        return [
            self._trigger("insert", pgtrigger.Insert, _summed(new, "")),
            self._trigger("update", pgtrigger.Update, _summed(new, old)),
            self._trigger("delete", pgtrigger.Delete, _summed("", old)),
            pgtrigger.Trigger(
                name=f"tally_{self.name}_truncate",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Truncate,
                func=f"DELETE FROM tallies_tally WHERE split_part(kind, '.', 1) = '{self.name}'; RETURN NULL;",
            ),
        ]

    def owner_triggers(self) -> list[pgtrigger.Trigger]:
        """On the users: all rows of one begin or cease to count."""
        return [
            pgtrigger.Trigger(
                name=f"tally_{self.name}_owner",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.is_active <> NEW.is_active"),
                # The update itself lets others write rows of this owner.
                func=f"PERFORM FROM {USERS} WHERE id = NEW.id FOR UPDATE;"
                + self._all_of("NEW", "CASE WHEN NEW.is_active THEN 1 ELSE -1 END"),
            ),
            pgtrigger.Trigger(
                name=f"tally_{self.name}_owner_gone",
                when=pgtrigger.After,
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.is_active"),
                func=self._all_of("OLD", "-1"),
            ),
        ]

    def _all_of(self, owner: str, sign: str) -> str:
        return f"""
            {ADD} SELECT kind, bucket, pg_backend_pid(), {sign} * count(*)
            FROM ({self.rows(self.table)}) AS counted WHERE owner = {owner}.id GROUP BY 1, 2 {KEEP};
            RETURN NULL;
        """

    def _trigger(self, name: str, operation: pgtrigger.Operation, summed: str) -> pgtrigger.Trigger:
        old = None if operation is pgtrigger.Insert else "old_rows"
        new = None if operation is pgtrigger.Delete else "new_rows"
        n, lock = "n", ""
        if self.owner:
            # By key, one by one and in order, whatever the plan: that of a large import stays for the connection.
            lock = f"""
                PERFORM FROM ({summed} ORDER BY 1) AS summed
                CROSS JOIN LATERAL (SELECT 1 FROM {USERS} WHERE id = owner FOR KEY SHARE) AS locked;
                IF NOT FOUND THEN RETURN NULL; END IF;
            """
            # By a statement of its own: after the wait for a lock of this kind, the row is read as it was before.
            n = f"CASE WHEN (SELECT is_active FROM {USERS} WHERE id = owner) THEN n ELSE 0 END"
        add = f"""
            {ADD} SELECT kind, bucket, pg_backend_pid(), sum({n}) FROM ({summed}) AS summed
            GROUP BY 1, 2 HAVING sum({n}) <> 0 {KEEP};
            RETURN NULL;
        """
        return pgtrigger.Trigger(
            name=f"tally_{self.name}_{name}",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=operation,
            referencing=cast(Any, pgtrigger.Referencing)(old=old, new=new),
            func=lock + add,
        )


def _summed(new: str, old: str) -> str:
    """SQL: how many rows more (or less) count after a statement, by owner, kind and bucket."""
    signed = [f"SELECT *, {n} AS n FROM ({rows}) AS one" for rows, n in ((new, 1), (old, -1)) if rows]
    rows = " UNION ALL ".join(signed)
    return f"SELECT owner, kind, bucket, sum(n) AS n FROM ({rows}) AS every GROUP BY 1, 2, 3 HAVING sum(n) <> 0"
