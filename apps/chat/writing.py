"""Messages as two prepared statements: the first locks the rooms, the second checks the rights and writes the rows.

The second sees what was committed while the first waited for its locks: a block made in the meantime counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import BigIntegerField, Field, Model, QuerySet, TextField
from django.utils.translation import gettext as _

from apps.chat.models import LONGEST_MESSAGE, Membership, Message, Room
from apps.chat.permissions import joined, may_write
from apps.errors import Invalid
from apps.infra.prepared import Prepared
from apps.users.models import User
from apps.visibility.slots import AnyClient, Slot


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is to be sent. Raises `Invalid` for an empty or too long text."""

    sender: User
    room_name: str
    text: str
    client_id: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise Invalid("blank", _("Write something."), field="message")
        if len(self.text) > LONGEST_MESSAGE:
            limit = {"limit": LONGEST_MESSAGE}
            raise Invalid("too-long", _("A message has at most %(limit)d characters.") % limit, field="message")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a draft: stored now, or before under the same `client_id`, or why it was not."""

    message: Message | None
    is_new: bool
    is_member: bool


class _OfDraft(Slot):
    """A column of each draft, where a rule of one viewer has a value of each call."""

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return f"draft.{self.name}", ()


class _Sender(AnyClient):
    pk = id = _OfDraft("sender_id", BigIntegerField())


COLUMNS: dict[str, Field[Any, Any]] = {
    "room_name": TextField(),
    "sender_id": BigIntegerField(),
    "text": TextField(),
    "client_id": TextField(),
}
SLOTS = [Slot(name, ArrayField(field)) for name, field in COLUMNS.items()]
DRAFTS = "unnest(%s::text[], %s::bigint[], %s::text[], %s::text[]) WITH ORDINALITY"
DRAFT = f"draft({', '.join(COLUMNS)}, n)"
# The columns of a message that is written now; all others have their defaults.
WRITTEN = {
    "room_id": "room_id",
    "seq": "seq",
    "sender_id": "sender_id",
    "text": "text",
    "client_id": "client_id",
    "sent_at": "statement_timestamp()",
}
# Of a message that is answered, whether it was written now or before.
ANSWERED = {
    "id": "coalesce(stored.id, checked.first_id)",
    "room_id": "checked.room_id",
    "seq": "coalesce(stored.seq, checked.first_seq)",
    "sender_id": "checked.sender_id",
    "text": "coalesce(checked.first_text, checked.text)",
    "client_id": "checked.client_id",
    "sent_at": "coalesce(stored.sent_at, checked.first_sent_at)",
    "removed_at": "checked.removed_at",
}
FIELDS = [field.attname for field in Message._meta.concrete_fields if field.attname in ANSWERED]


def write(drafts: Sequence[Draft]) -> list[Outcome]:
    """Store what may be stored, in this order, within the present transaction.

    No two drafts may have the same room, sender and `client_id`.
    """
    values = {
        "room_name": [draft.room_name for draft in drafts],
        "sender_id": [draft.sender.pk for draft in drafts],
        "text": [draft.text for draft in drafts],
        "client_id": [draft.client_id for draft in drafts],
    }
    _locking().rows(values)
    return [_outcome(draft, *row) for draft, row in zip(drafts, _writing().rows(values), strict=True)]


def _outcome(draft: Draft, is_member: bool, is_stored: bool, is_new: bool, *columns: Any) -> Outcome:
    if not is_stored:
        return Outcome(None, False, is_member)
    message = Message.from_db("default", FIELDS, columns)
    message.room = Room.from_db("default", ["id", "name"], [message.room_id, draft.room_name])
    message.sender = draft.sender
    return Outcome(message, is_new, is_member)


@cache
def _locking() -> Prepared:
    # In one order, so that no two batches wait for each other. The senders, whose keys the new rows refer to, before
    # their memberships are written: an account that is being deleted goes the same way.
    return Prepared(
        f"""
        SELECT FROM {DRAFTS} AS {DRAFT}
        JOIN {_table(Room)} AS room ON room.name = draft.room_name
        JOIN {_table(User)} AS sender ON sender.id = draft.sender_id
        ORDER BY room.id, sender.id FOR NO KEY UPDATE OF room FOR KEY SHARE OF sender
        """,
        SLOTS,
    )


@cache
def _writing() -> Prepared:
    room, params = _room(_Sender()).query.get_compiler("default").as_sql()
    defaults = {
        str(field.column): field.get_default()
        for field in Message._meta.concrete_fields
        if not (field.null or field.primary_key or field.column in WRITTEN)
    }
    return Prepared(
        f"""
        WITH checked AS MATERIALIZED (
            SELECT draft.*, room.id AS room_id, room.last_seq, room.may_write, first.id AS first_id,
                first.seq AS first_seq, first.text AS first_text, first.sent_at AS first_sent_at, first.removed_at
            FROM {DRAFTS} AS {DRAFT}
            LEFT JOIN LATERAL ({room}) AS room ON true
            LEFT JOIN LATERAL (
                SELECT * FROM {_table(Message)} AS same
                WHERE same.room_id = room.id AND same.sender_id = draft.sender_id
                    AND same.client_id = draft.client_id AND NOT same.client_id = ''
                LIMIT 1 -- it is one: by the index, and not by all messages of the room
            ) AS first ON true
        ), accepted AS (
            SELECT *, last_seq + row_number() OVER (PARTITION BY room_id ORDER BY n) AS seq
            FROM checked WHERE may_write AND first_id IS NULL
        ), stored AS (
            INSERT INTO {_table(Message)} ({", ".join([*WRITTEN, *defaults])})
            SELECT {", ".join([*WRITTEN.values(), *("%s" for _ in defaults)])} FROM accepted ORDER BY n
            RETURNING id, room_id, seq, sent_at
        ), counted AS (
            UPDATE {_table(Room)} AS room SET last_seq = last.seq, last_message_at = statement_timestamp()
            FROM (SELECT room_id, max(seq) AS seq FROM accepted GROUP BY room_id) AS last WHERE room.id = last.room_id
        ), read AS (
            UPDATE {_table(Membership)} AS own SET read_up_to = last.seq
            FROM (SELECT room_id, sender_id, max(seq) AS seq FROM accepted GROUP BY room_id, sender_id) AS last
            WHERE own.room_id = last.room_id AND own.user_id = last.sender_id
        )
        SELECT checked.room_id IS NOT NULL, coalesce(stored.id, checked.first_id) IS NOT NULL, stored.id IS NOT NULL,
            {", ".join(ANSWERED[name] for name in FIELDS)}
        FROM checked
        LEFT JOIN accepted USING (n)
        LEFT JOIN stored ON stored.room_id = accepted.room_id AND stored.seq = accepted.seq
        ORDER BY checked.n
        """,  # noqa: S608 - names of tables and columns, and what Django compiled
        [*SLOTS, *params, *defaults.values()],
    )


def _room(sender: AnyClient) -> QuerySet[Room, Any]:
    named = joined(cast(Any, sender)).filter(name=_OfDraft("room_name", TextField()))
    return named.annotate(may_write=may_write(cast(Any, sender))).values("id", "last_seq", "may_write")


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
