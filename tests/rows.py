"""What a call wrote, in a form in which two runs of the same call are equal."""

from __future__ import annotations

import re

from django.apps import apps
from django.db import connection
from psycopg import sql

# Numbers go on where a run that was undone left them.
OTHER_EACH_TIME = ["id", "history_id", "m2m_history_id", "request_id"]
SEALED = re.compile(r'"enc1:[^"]+"')
"""Texts of the history, which are encrypted anew each time."""


def rows() -> list[str]:
    """Every row of every table of ours as text, without its number."""
    models = apps.get_models(include_auto_created=True)
    tables = sorted({model._meta.db_table for model in models if model.__module__.startswith("apps.")})
    each = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} || ' ' || (to_jsonb(t) - %s::text[])::text FROM {} t").format(
            sql.Literal(name), sql.Identifier(name)
        )
        for name in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(each, [OTHER_EACH_TIME] * len(tables))
        return sorted(SEALED.sub('"sealed"', text) for (text,) in cursor.fetchall())
