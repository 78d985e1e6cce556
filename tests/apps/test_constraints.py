"""Each constraint and trigger of our tables, tried with raw SQL: the database itself refuses, and names it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import Error, connection, transaction

from apps.infra.owner import as_owner
from tests.filled import fill, models_of_ours
from tests.undoing import undone

pytestmark = pytest.mark.django_db

CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(c.oid), ARRAY(
        SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY(conkey) ORDER BY attnum
    )
    FROM pg_constraint c WHERE conrelid::regclass::text = ANY(%s) AND contype NOT IN ('p', 'u')
    UNION ALL
    SELECT indrelid::regclass::text, indexrelid::regclass::text, 'u', '', ARRAY(
        SELECT attname FROM pg_attribute WHERE attrelid = indrelid AND NOT attisdropped AND attnum > 0
            AND (attnum = ANY(indkey) OR EXISTS (
                SELECT FROM pg_depend WHERE objid = indexrelid AND refobjid = indrelid AND refobjsubid = attnum))
    )
    FROM pg_index WHERE indrelid::regclass::text = ANY(%s) AND indisunique
    ORDER BY 1, 2
"""
COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
NUMBERS = """
    SELECT DISTINCT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
    WHERE indrelid = %s::regclass AND indisunique AND atttypid IN ('integer'::regtype, 'bigint'::regtype)
"""
TRIGGERS = """
    SELECT tgrelid::regclass::text, regexp_replace(tgname, '^pgtrigger_(.*)_[0-9a-f]+$', '\\1'), tgenabled
    FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text = ANY(%s) ORDER BY 1, 2
"""
IN_FULL: dict[str, str] = {
    "appeal_ruled_by_another": "status = 'upheld', ruling = 'No', ruled_at = now(), ruled_by_id = author_id",
    "appeal_ruled_with_a_text": "ruling = 'No'",
    "appeal_says_something": "text = ''",
    "blind_check_by_another": "checked_by_id = officer_id, checked_at = now(), verdict = 'approved'",
    "block_not_oneself": "blocked_id = blocker_id",
    "case_closed_with_outcomes": "status = 'closed', closed_at = now()",
    "case_not_ones_own": "status = 'closed', outcomes = '{kept}', closed_at = now(), closed_by_id = author_id",
    "connection_answered_once_settled": "status = 'accepted'",
    "connection_not_oneself": "receiver_id = sender_id",
    "decision_not_about_oneself": "subject_id = actor_id",
    "decision_undone_by_somebody": "undone_at = now()",
    "document_decided_once_settled": "status = 'approved'",
    "document_four_eyes": "status = 'approved', decided_at = now(), needs_second = true",
    "document_not_by_owner": "status = 'approved', decided_at = now(), decided_by_id = owner_id",
    "document_two_people": "first_approved_at = now(), first_approved_by_id = owner_id",
    "erasure_ended_once_over": "status = 'done'",
    "event_ends_after_it_begins": "ends_at = date",
    "event_has_a_seat": "capacity = 0",
    "follow_not_oneself": "followed_id = follower_id",
    "goal_at_least_an_hour": "hours = 0",
    "legal_hold_released_by_staff": "released_at = now()",
    "legal_hold_with_a_reason": "reason = ''",
    "mfa_reset_confirmed_by_somebody": "confirmed_at = now()",
    "mfa_reset_three_people": "confirmed_at = now(), confirmed_by_id = asked_by_id",
    "profile_theme_known": "theme = 'pink'",
    "purge_of_rows": "last_row = 0",
    "quality_share_percent": "percent = 101",
    "report_closed_with_outcome": "status = 'closed'",
    "report_not_oneself": "author_id = reporter_id",
    "report_other_says_what": "reason = 'other', note = ''",
    "retention_kind_known": "kind = 'gossip'",
    "retention_of_a_day": "days = 0",
    "reveal_allowance_by_another": "allowed_by_id = staff_id",
    "role_fits_account": "role = 'staff'",
    "role_known": "role = 'king'",
    "strike_expires_later": "expires_at = given_at",
    "strike_weighs_something": "weight = 0",
    "superuser_is_staff": "is_superuser = true",
    "suspension_ends_later": "until = given_at",
    "twin_not_itself": "other_id = document_id",
}
"""What breaks a check, by its name; of one that a whole number is not negative, a -1 does."""
BESIDE = {
    "users_blindcheck.checked_by_id": "checked_at = now(), verdict = 'approved'",
    "moderation_case.closed_by_id": "status = 'closed', outcomes = '{kept}', closed_at = now()",
    "users_mfareset.confirmed_by_id": "confirmed_at = now()",
    "users_document.first_approved_by_id": "first_approved_at = now()",
    "privacy_legalhold.released_by_id": "released_at = now()",
    "moderation_appeal.ruled_by_id": "status = 'upheld', ruling = 'No', ruled_at = now()",
    "decisions_decision.undone_by_id": "undone_at = now()",
}
"""What a check asks for beside a user, so that it is the user who is not there."""
STRONGER = {"events_event_capacity_check": "event_has_a_seat", "role_known": "role_fits_account"}
"""Checks that another one, which is looked at first, says as well."""

TAKEN = {"username_unique": "upper(username)", "email_unique": "upper(email)"}
"""What is the same to an index over an expression, and not to the one beside it."""
ON_INSERT = {"users_user_token_version_check"}
"""Checks of columns that a trigger lets no update lower."""


@dataclass(frozen=True, slots=True)
class Constraint:
    table: str
    name: str
    kind: str
    text: str
    columns: list[str]


def constraints(kind: str) -> Iterator[Constraint]:
    tables = [model._meta.db_table for model in models_of_ours()]
    with connection.cursor() as cursor:
        cursor.execute(CONSTRAINTS, [tables, tables])
        found = [Constraint(*row) for row in cursor.fetchall()]
    assert {each.kind for each in found} == {"c", "f", "n", "u"}, "a kind of constraint that is not tried here"
    return (each for each in found if each.kind == kind)


@pytest.fixture
def _filled(db: None) -> None:
    fill()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refusal(statement: str, *values: Any) -> Any:
    """What PostgreSQL says of a statement; None where it obeys."""
    try:
        with undone(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            assert cursor.rowcount != 0, f"no row: {statement}"
    except Error as error:
        return getattr(error.__cause__, "diag")  # noqa: B009 - of psycopg
    return None


def named(said: Any) -> str:
    """The constraint, or the column that must not be empty."""
    return (said.constraint_name or said.column_name or said.message_primary) if said else ""


def columns_of(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table])
        return [name for (name,) in cursor.fetchall()]


def append_only_tables() -> set[str]:
    return {table for table, name, _enabled in triggers() if name == "append_only_rows"}


def triggers() -> list[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS, [[model._meta.db_table for model in models_of_ours()]])
        return cursor.fetchall()


def copied(table: str, /, **given: str) -> str:
    """SQL: a row once more, with these expressions in place of its values."""
    names = columns_of(table)
    values = ", ".join(given.get(name, f'"{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    return f'INSERT INTO "{table}" ({quoted}) SELECT {values} FROM "{table}" LIMIT 1'  # noqa: S608


def unlike_others(table: str, columns: list[str]) -> dict[str, str]:
    """Other values for what is unique in a copy, save in these columns."""
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS, [table])
        return {name: f'"{name}" + 1000' for (name,) in cursor.fetchall() if name not in columns}


def changed(table: str, given: str) -> str:
    return f'UPDATE "{table}" SET {given} WHERE ctid = (SELECT max(ctid) FROM "{table}")'  # noqa: S608


@pytest.mark.usefixtures("_filled")
def test_no_column_is_empty_that_must_not_be() -> None:
    tried = 0
    for each in constraints("n"):
        [column] = each.columns
        if column in columns_of(each.table):  # others are computed
            said = refusal(copied(each.table, **{column: "NULL"}))
            assert (named(said), said and said.table_name) == (column, each.table), each
            tried += 1
    assert tried > 500


@pytest.mark.usefixtures("_filled")
def test_no_row_refers_to_one_that_is_not_there() -> None:
    frozen = append_only_tables()
    for each in constraints("f"):
        [column] = each.columns
        if each.table in frozen:
            statement = copied(each.table, **{column: "-1"}, **unlike_others(each.table, each.columns))
        else:
            beside = BESIDE.get(f"{each.table}.{column}")
            statement = changed(each.table, f'"{column}" = -1' + (f", {beside}" if beside else ""))
        assert named(refusal(statement)) == each.name, each


@pytest.mark.usefixtures("_filled")
def test_unique_columns_take_no_value_twice() -> None:
    frozen = append_only_tables()
    for each in constraints("u"):
        if each.table in frozen:
            statement = copied(each.table, **unlike_others(each.table, each.columns))
        else:
            names = ", ".join(f'"{column}"' for column in each.columns if column in columns_of(each.table))
            first = f'SELECT {TAKEN.get(each.name, names)} FROM "{each.table}" ORDER BY ctid LIMIT 1'  # noqa: S608
            statement = changed(each.table, f"({names}) = ({first})")
        assert named(refusal(statement)) == each.name, each


@pytest.mark.usefixtures("_filled")
def test_no_row_breaks_a_check() -> None:
    frozen, tried = append_only_tables(), set()
    for each in constraints("c"):
        simple = re.fullmatch(r"CHECK \(\((\w+) >= 0\)\)", each.text)
        given = IN_FULL.get(each.name) or (f"{simple[1]} = -1" if simple else "")
        assert given, f"{each.name} has no statement that breaks it"
        column, _equals, value = given.partition(" = ")
        by_copy = each.table in frozen or each.name in ON_INSERT
        statement = copied(each.table, **{column: value}) if by_copy else changed(each.table, given)
        assert named(refusal(statement)) == STRONGER.get(each.name, each.name), each
        tried.add(each.name)
    assert IN_FULL.keys() | STRONGER.keys() <= tried


# --- Triggers --------------------------------------------------------------------------------------------------------

SHOWN_BY = {
    "tally_": "tests/apps/tallies",
    "key_": "tests/apps/users/test_names.py",
    "sessions_end_with_account": "tests/apps/users/test_tokens.py",
}
"""What other triggers do, by the beginning of their names."""


@pytest.mark.django_db(transaction=True)
def test_neither_role_changes_empties_or_deletes_what_is_append_only() -> None:
    known = triggers()
    assert {enabled for _table, _name, enabled in known} == {"O"}
    others = {name for _table, name, _enabled in known if not name.startswith("append_only_")}
    assert not {name for name in others if not name.startswith(tuple(SHOWN_BY))}
    tables = append_only_tables()
    assert tables == {table for table, name, _enabled in known if name == "append_only_table"}
    assert len(tables) > 25
    with transaction.atomic():
        fill()
    for role, refused in ((nullcontext(), "permission denied"), (as_owner(), "Cannot update or delete|append-only")):
        with role:
            for table in tables:
                key = columns_of(table)[0]
                whole = (f'DELETE FROM "{table}"', f'TRUNCATE "{table}" CASCADE')  # noqa: S608
                for statement in (changed(table, f'"{key}" = "{key}"'), *whole):
                    said = refusal(statement)
                    assert said is not None, (role, statement)
                    assert re.search(refused, said.message_primary), said.message_primary
