"""The rows that lines of the audit log are made from and are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Field, Model, OuterRef, Subquery

from admin_dashboards.tables.history import MASKS, Change, changes_of_pairs, records_named
from apps.audit.log_tables import LogTable, concerned_by
from apps.audit.models import Entry
from apps.infra.ids import parse_id

type Objects = Mapping[str, Mapping[int, Model]]
"""The rows that lines are about, as they are now, by type and number; those that are gone are missing."""
type Changes = list[tuple[Field[Any, Any], Change]]


def versions_of(source: LogTable, ids: list[int]) -> dict[int, tuple[Any, Changes]]:
    """The versions with what each changed."""
    history = source.model._default_manager
    earlier = history.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id")).order_by("-history_id")
    rows = records_named(history.filter(pk__in=ids)).annotate(earlier_id=Subquery(earlier.values("history_id")[:1]))
    records = {row.pk: row for row in rows}
    wanted = [row.earlier_id for row in records.values() if row.history_type == "~" and row.earlier_id]
    before = {row.pk: row for row in records_named(history.filter(pk__in=wanted))}
    pairs = [(row, before[row.earlier_id]) for row in records.values() if row.history_type == "~" and row.earlier_id]
    table = admin.site._registry.get(source.tracked)
    changes = changes_of_pairs(pairs, getattr(table, "history_masks", MASKS))
    return {pk: (record, changes.get(pk, [])) for pk, record in records.items()}


def objects_of(entries: Iterable[Entry], records: Iterable[tuple[str, Any]]) -> Objects:
    numbers: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        if number := parse_id(entry.target_id):
            numbers[concrete_label(entry.target_type)].add(number)
    for label, record in records:
        numbers[label].add(record.id)
    rows: dict[str, Mapping[int, Model]] = {}
    for label, ids in numbers.items():
        if (model := model_of(label)) is not None:
            people = [name for name in concerned_by(model) if name != "id"]
            found = model._base_manager.select_related(*people) if people else model._base_manager.all()
            rows[label] = found.in_bulk(ids)
    return rows


def concrete_label(label: str) -> str:
    """The label without proxies: "users.user" for "users.staff"."""
    model = model_of(label)
    return model._meta.concrete_model._meta.label_lower if model is not None else label  # type: ignore[union-attr]


def model_of(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None
