"""Users see the audit log entries of which they are the subject, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet

from apps.audit.models import Entry

if TYPE_CHECKING:
    from apps.users.models import User


def of_subject(person: User) -> QuerySet[Entry]:
    return Entry.objects.filter(subject=person)


SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Entry: of_subject}
