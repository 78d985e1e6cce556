"""Personal text of history and audit, encrypted under a key for each person.

History and audit are never changed, backups neither. Destroying the key of a person makes what they hold of that person
unreadable, and changes no byte of it.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import FieldError
from django.db import connection, models

from apps.audit.context import origin

if TYPE_CHECKING:
    # Only the stubs have type arguments here.
    _Text = models.TextField[Any, Any]
    _JSON = models.JSONField[Any, Any]
else:
    _Text, _JSON = models.TextField, models.JSONField

PREFIX = "enc1:"
"""What encrypted text begins with, followed by the id of the person, a colon and base64 of nonce and ciphertext
(AES-256-GCM, bound to the id). Nothing follows the colon where the key had been destroyed before."""
ENCRYPTED = re.compile(f"{PREFIX}[0-9]{{1,18}}:")
"""For PostgreSQL too."""
KEY_SIZE = 32
"""Bytes."""
NONCE_SIZE = 12
"""Bytes, as NIST SP 800-38D recommends for GCM."""
ERASED = "[erased]"
"""What is read where the key has been destroyed."""

type Keys = dict[int, bytes | None]
"""The keys of persons by their ids; None is a destroyed one."""

_held: ContextVar[Keys] = ContextVar("held", default={})  # noqa: B039 - never written to


# --- Keys ------------------------------------------------------------------------------------------------------------

FIND_OR_MAKE = """
    WITH wanted AS (SELECT * FROM unnest(%s::bigint[], %s::bytea[]) AS wanted(person_id, key)),
    found AS (SELECT person_id, key FROM audit_personkey WHERE person_id IN (SELECT person_id FROM wanted)),
    made AS (
        INSERT INTO audit_personkey (person_id, key)
        SELECT * FROM wanted WHERE person_id NOT IN (SELECT person_id FROM found) ORDER BY person_id
        ON CONFLICT DO NOTHING RETURNING person_id, key
    )
    SELECT * FROM found UNION ALL SELECT * FROM made
"""


def keys_of(persons: Iterable[int]) -> Keys:
    """The keys of these persons; those who have none yet are given one."""
    wanted = sorted(set(persons))
    keys: Keys = {}
    while missing := [person for person in wanted if person not in keys]:
        # A second time only where another transaction gave one of them a key meanwhile.
        with connection.cursor() as cursor:
            cursor.execute(FIND_OR_MAKE, [missing, [token_bytes(KEY_SIZE) for _ in missing]])
            keys |= {person: None if key is None else bytes(key) for person, key in cursor.fetchall()}
    return keys


def key_of(person: int) -> bytes | None:
    """The key of one person; None where it has been destroyed."""
    known = _held.get() | origin().keys
    return known[person] if person in known else keys_of([person])[person]


def destroy_key(person: int) -> None:
    """Make all that history and audit have of the person unreadable, now and in what is written later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_personkey (person_id, key) VALUES (%s, NULL)"
            " ON CONFLICT (person_id) DO UPDATE SET key = NULL",
            [person],
        )


@contextmanager
def keys_held(persons: Iterable[int | None]) -> Iterator[None]:
    """Look up the keys of these persons at once, for all that is encrypted inside the block."""
    wanted = {person for person in persons if person is not None} - origin().keys.keys()
    token = _held.set(_held.get() | keys_of(wanted))
    try:
        yield
    finally:
        _held.reset(token)


# --- Text ------------------------------------------------------------------------------------------------------------


def encrypt(text: str, person: int) -> str:
    """The text as it is stored."""
    key = key_of(person)
    if key is None:
        return f"{PREFIX}{person}:"
    nonce = token_bytes(NONCE_SIZE)
    sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), str(person).encode())
    return f"{PREFIX}{person}:{b64encode(sealed).decode()}"


def decrypt(stored: str, key: bytes | None) -> str:
    """The text again. `ERASED` without the key; text that was never encrypted as it is."""
    if not stored.startswith(PREFIX):
        return stored
    head, _colon, body = stored.removeprefix(PREFIX).partition(":")
    if key is None or not body:
        return ERASED
    sealed = b64decode(body)
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], head.encode()).decode()
    except InvalidTag:
        # Encrypted with another key, such as that of another installation.
        return ERASED


def _with_key(column: str) -> str:
    """The SQL of an encrypted column, followed by a blank and the key, so that reading takes no further query."""
    return (
        f"CASE WHEN {column} ~ '^{ENCRYPTED.pattern}' THEN {column} || ' ' || COALESCE((SELECT encode(k.key, 'hex')"  # noqa: S608
        f" FROM audit_personkey AS k WHERE k.person_id = split_part({column}, ':', 2)::bigint), '') ELSE {column} END"
    )


def _read(value: str | None) -> str | None:
    if value is None or not ENCRYPTED.match(value):
        return value
    stored, _blank, key = value.rpartition(" ")
    return decrypt(stored, bytes.fromhex(key) or None)


# --- Columns ---------------------------------------------------------------------------------------------------------


class _Encrypted:
    """A column of rows that are written once. `person`: the attribute of the row that has the id of its person."""

    PLAIN: str
    """The class of Django that migrations name instead."""
    attname: str

    def __init__(self, *args: Any, person: str = "", **options: Any) -> None:
        self.person = person
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        described: Any = super()
        name, _path, args, options = described.deconstruct()
        return name, f"django.db.models.{self.PLAIN}", args, options

    def clone(self) -> Any:
        """Migrations know the column alone."""
        _name, _path, args, options = self.deconstruct()
        return getattr(models, self.PLAIN)(*args, **options)

    def get_lookup(self, lookup_name: str) -> Any:
        """Only whether it is null: the database cannot read it."""
        if lookup_name != "isnull":
            raise FieldError(f"{self.attname} is encrypted: nothing is found by it.")
        found: Any = super()
        return found.get_lookup(lookup_name)

    def encrypted(self, value: Any, row: Any) -> Any:
        """What is stored of `value` in `row`."""
        person = getattr(row, self.person)
        return value if value in (None, "") or person is None else encrypt(value, person)

    def pre_save(self, row: Any, add: bool) -> Any:
        return self.encrypted(getattr(row, self.attname), row)


class EncryptedText(_Encrypted, _Text):
    PLAIN = "TextField"

    def select_format(self, compiler: Any, sql: str, params: Any) -> Any:
        return _with_key(sql), params

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return _read(value)


class EncryptedJSON(_Encrypted, _JSON):
    """JSON of which an encrypted text is stored, as a JSON string."""

    PLAIN = "JSONField"

    def encrypted(self, value: Any, row: Any) -> Any:
        person = getattr(row, self.person)
        return value if value in (None, {}) or person is None else encrypt(json.dumps(value), person)

    def select_format(self, compiler: Any, sql: str, params: Any) -> Any:
        return _with_key(f"({sql} #>> '{{}}')"), params

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        text = _read(value)
        return {} if text == ERASED else json.loads(text) if text is not None else None


def encrypted_for(row: models.Model) -> set[int | None]:
    """The persons under whose keys the text of a row is going to be encrypted."""
    return {getattr(row, field.person) for field in encrypted_fields(type(row)) if getattr(row, field.attname)}


@cache
def encrypted_fields(model: type[models.Model]) -> list[EncryptedText | EncryptedJSON]:
    """The encrypted columns of a model."""
    return [field for field in model._meta.concrete_fields if isinstance(field, EncryptedText | EncryptedJSON)]
