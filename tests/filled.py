"""Rows in every table of ours, made of its columns alone, with what checks and unique columns ask for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

ROWS = 2
MANY = {"users.User": 8, "users.Document": 4}
"""More than one a row of others, so that none is on both ends of it."""

OWN: dict[str, dict[str, Any]] = {
    "chat.Message": {"client_id": "first"},
    "transparency.Purge": {"first_row": 1, "last_row": 2, "count": 1},
}
"""What columns alone do not say, by model."""


def models_of_ours() -> list[type[models.Model]]:
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model.__module__.startswith("apps.") and not model._meta.proxy]


def fill() -> None:
    """`ROWS` valid rows in each table, other tables first."""
    Group.objects.bulk_create([Group(name=f"group {number}") for number in range(ROWS)])
    for model in _in_order(models_of_ours()):
        rows = [_row(model, number) for number in range(MANY.get(model._meta.label, ROWS))]
        if not model._base_manager.exists():
            model._base_manager.bulk_create(rows)
        else:  # filled by migrations
            while model._base_manager.count() < ROWS:
                model._base_manager.bulk_create([rows.pop()])


def _in_order(ahead: list[type[models.Model]]) -> Iterator[type[models.Model]]:
    while ahead:
        for model in ahead:
            needed = {field.related_model for field in _required(model) if isinstance(field, models.ForeignKey)}
            if not needed & {*ahead} - {model}:
                ahead = [each for each in ahead if each is not model]
                yield model
                break
        else:
            raise AssertionError(f"{ahead} need each other")


def _required(model: type[models.Model]) -> list[Any]:
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    given = [field for field in fields if not (field.generated or field.has_db_default())]
    return [field for field in given if field.unique or not (field.null or field.has_default() or _may_be_empty(field))]


def _may_be_empty(field: Any) -> bool:
    return bool(field.blank and isinstance(field, (models.CharField, models.TextField, models.FileField)))


def _row(model: type[models.Model], number: int) -> models.Model:
    values: dict[str, Any] = dict(OWN.get(model._meta.label, {}))
    keys = 0
    for field in _required(model):
        if isinstance(field, models.ForeignKey):
            values[field.attname], keys = _key(field, number + ROWS * keys), keys + 1
        elif field.name not in values:
            values[field.name] = _value(field, number)
    return model(**values)


def _key(field: Any, number: int) -> Any:
    name = field.target_field.attname
    known = list(field.related_model._base_manager.order_by(name).values_list(name, flat=True)[:8])
    return known[number % len(known)]


def _value(field: Any, number: int) -> Any:
    if field.choices and not field.unique:
        return field.choices[0][0]
    match field:
        case models.UUIDField():
            return uuid.UUID(int=number + 1)
        case models.DateTimeField():
            return timezone.now() + timedelta(days=1 + number)
        case models.DateField():
            return timezone.now().date()
        case models.BooleanField():
            return False
        case models.FloatField() | models.IntegerField() | models.DecimalField():
            return number + 1
        case models.BinaryField():
            return b"\0" * 31 + bytes([number])
        case models.JSONField():
            return {}
        case ArrayField():
            return []
        case models.GenericIPAddressField():
            return "192.0.2.1"
        case models.CharField() | models.TextField() | models.FileField():
            return list(dict(field.flatchoices))[number] if field.choices else f"x{number}"
    raise AssertionError(f"What is a value of {field}?")
