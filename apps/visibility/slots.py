"""Stand-ins for what differs from call to call, with which a queryset is compiled once for all calls."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn, cast

from django.contrib.auth.models import AnonymousUser
from django.db.models import BigAutoField, DateTimeField, Expression, Field, Model, QuerySet
from django.db.models.expressions import RawSQL

from apps.infra.prepared import Value


class Slot(Value, Expression):
    """Where the value of a call will be."""

    allowed_default = True

    def __init__(self, name: str, output_field: Field[Any, Any]) -> None:
        Value.__init__(self, name)
        Expression.__init__(self, output_field=output_field)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", (self,)


class UnknownOfViewer(TypeError):
    """A rule reads something of its viewer that differs between those who share one statement."""


def each_of(numbers: list[int] | Slot) -> RawSQL:
    """The numbers of a slot that holds a list, for a condition such as `room__in=each_of(rooms)`."""
    return RawSQL("SELECT unnest(%s::bigint[])", [numbers])


VIEWER = Slot("viewer", BigAutoField())
NOW = Slot("now", DateTimeField())


class Unbound:
    """A snapshot, as `Live` is one, in which the time is that of each call."""

    @property
    def now(self) -> datetime:
        return cast(datetime, NOW)

    def of(self, model: type[Model]) -> QuerySet[Any]:
        return model._default_manager.all()


class AnyClient:
    """Any end user. A rule that reads more of them than their number fails when it is compiled."""

    is_authenticated, is_anonymous, is_staff = True, False, False
    pk = id = VIEWER
    snapshot = Unbound()

    def __getattr__(self, name: str) -> NoReturn:
        raise UnknownOfViewer(f"“{name}” of the viewer differs from call to call; a compiled rule cannot depend on it.")


class Nobody(AnonymousUser):
    """A caller who is not signed in."""

    snapshot = Unbound()
