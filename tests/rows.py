"""What a call wrote, in a form in which two runs of the same call are equal."""

from __future__ import annotations

import re
from collections import Counter

from django.apps import apps
from django.db import connection
from psycopg import sql

# Numbers go on where a run that was undone left them; the others are drawn.
OTHER_EACH_TIME = ["id", "history_id", "m2m_history_id", "request_id", "batch"]
SEALED = re.compile(r'"enc1:[^"]+"')
"""Texts of the history, which are encrypted anew each time."""
NEW = re.compile(r'"md5\$[^"]+"|"key": "[^"]+"|"\w+_id": \d+')
"""A hash of a password, a key, or the number of another row."""


def rows() -> list[str]:
    """Every row of every table of ours as text, without its number, in an order that does not hang on where it lies."""
    models = apps.get_models(include_auto_created=True)
    ours = ("apps.", "django.contrib.auth")
    tables = sorted({model._meta.db_table for model in models if model.__module__.startswith(ours)})
    each = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} || ' ' || (to_jsonb(t) - %s::text[])::text FROM {} t").format(
            sql.Literal(name), sql.Identifier(name)
        )
        for name in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(each, [OTHER_EACH_TIME] * len(tables))
        return sorted(SEALED.sub('"sealed"', text) for (text,) in cursor.fetchall())


def written(before: list[str]) -> list[str]:
    """The rows that are other ones than before, as they were and as they are.

    Hashes, keys and numbers that were not there before are as good as equal.
    """
    known = set(NEW.findall("".join(before)))
    old, new = Counter(before), Counter(rows())
    fresh = [NEW.sub(lambda found: found[0] if found[0] in known else "new", row) for row in (new - old).elements()]
    return sorted([f"- {row}" for row in (old - new).elements()] + [f"+ {row}" for row in fresh])
