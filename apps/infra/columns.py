"""The columns of models, by name."""

from __future__ import annotations

from typing import Any

from django.db.models import Field, Model


def column(model: type[Model], name: str) -> Field[Any, Any]:
    """The field `name` of `model`. Raises `FieldDoesNotExist`, and `TypeError` for a relation without a column."""
    field = model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{name} is no column of {model.__name__}.")
    return field
