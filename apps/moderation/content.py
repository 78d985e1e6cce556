"""Reported content: which kinds there are, what a user may report, and the content itself."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db.models import BigIntegerField, Model, Q, QuerySet

from apps.review.reportable import ReportableContent, reportable_contents
from apps.users.models import Block, User
from apps.visibility.slots import Slot
from apps.visibility.snapshot import LIVE, Live
from apps.visibility.statement import Statement


class NoBlocks(Live):
    """The live state as it would be without any block."""

    def of(self, model: type[Model]) -> QuerySet[Any]:
        return Block.objects.none() if model is Block else super().of(model)


def content_of(kind: str) -> ReportableContent:
    """The class of a kind of content. Raises `KeyError` where there is no such kind."""
    return reportable_contents()[kind]


def reportable(viewer: User, kind: str) -> QuerySet[Any]:
    """The content that `viewer` may report: what they see, also of users whom they blocked; and of users who blocked
    them, what they could see before."""
    content = content_of(kind)
    blocked_by = Block.objects.filter(blocked=viewer).values("blocker")
    shown = LIVE.of(content.model).filter(content.policy(viewer, NoBlocks()).condition)
    return shown.filter(~Q(**{f"{content.author_field}__in": blocked_by}) | content.visible_before_block(viewer))


def target_of(kind: str, target_id: int, *, lock: bool = False) -> Any:
    """The reported content, or None where it has been deleted."""
    model = content_of(kind).model
    if lock:
        return model._default_manager.filter(pk=target_id).select_for_update(of=("self",)).first()
    return next(iter(_target(model).rows({"number": target_id})), None)


@cache
def _target(model: type[Model]) -> Statement:
    return Statement(model._default_manager.filter(pk=Slot("number", BigIntegerField())))
