"""Users see the reports and appeals that they made, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet

from apps.moderation.models import Appeal, Report

if TYPE_CHECKING:
    from apps.users.models import User


def made_by(viewer: User) -> QuerySet[Report]:
    return Report.objects.filter(reporter_id=viewer.pk)


def appealed_by(viewer: User) -> QuerySet[Appeal]:
    return Appeal.objects.filter(author_id=viewer.pk)


RULES: dict[str, Callable[[Any, Any], bool]] = {}
SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Report: made_by, Appeal: appealed_by}
