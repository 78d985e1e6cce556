from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.audit.encryption import EncryptedJSON, encrypted_fields
from apps.audit.log_tables import log_tables
from apps.audit.models import Entry
from apps.audit.plain_text import PERSON_OF_ENTRY, PlainTable, move_private_details
from apps.audit.services import PRIVATE


class Command(BaseCommand):
    help = (
        "Encrypts text of history and audit that an earlier release wrote in plain text. "
        "To be run once the last process of the release before has ended."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        move_private_details(PRIVATE)
        changed = sum(_plain(table.model).encrypt() for table in log_tables() if encrypted_fields(table.model))
        self.stdout.write(f"{changed} rows encrypted.")


def _plain(model: Any) -> PlainTable:
    meta, fields = model._meta, encrypted_fields(model)
    columns = {str(field.column): _person(model, field.person) for field in fields}
    of_json = frozenset(str(field.column) for field in fields if isinstance(field, EncryptedJSON))
    return PlainTable(meta.db_table, meta.pk.column, f"{meta.app_label}.{model.__name__}", columns, of_json)


def _person(model: Any, attribute: str) -> str:
    if model is Entry:
        return PERSON_OF_ENTRY if attribute == "text_person" else f"COALESCE(actor_id, {PERSON_OF_ENTRY})"
    return next(field.column for field in model._meta.concrete_fields if field.attname == attribute)
