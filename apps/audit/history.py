"""Every version of every business row: who made it, why, when. Written in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.db import models
from django.dispatch import receiver
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from apps.audit.context import origin
from apps.audit.models import append_only

if TYPE_CHECKING:
    from apps.users.models import User


class Version(models.Model):
    """What each version holds beside the row itself."""

    request_id = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        abstract = True


class History(HistoricalRecords):
    """History of a model, kept honest by triggers. Name in `excluded_fields` what must not be remembered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("bases", [Version])
        kwargs.setdefault("history_change_reason_field", models.TextField(null=True, blank=True))
        kwargs.setdefault("user_db_constraint", False)
        super().__init__(*args, **kwargs)

    def create_history_model(self, model: type[models.Model], inherited: bool) -> type[models.Model]:
        history_model = super().create_history_model(model, inherited)
        # Deleting a person must not rewrite who made the versions.
        history_model._meta.get_field("history_user").remote_field.on_delete = models.DO_NOTHING  # type: ignore[union-attr]
        pgtrigger.register(*append_only())(history_model)
        return history_model

    def get_meta_options_m2m(self, through_model: type[models.Model]) -> dict[str, Any]:
        options: dict[str, Any] = super().get_meta_options_m2m(through_model)
        if not through_model._meta.auto_created:
            # Where Django would have kept it had the model been made by Django.
            app_label = through_model._meta.app_label
            rest = through_model._meta.db_table.removeprefix(f"{app_label}_")
            options["db_table"] = f"{app_label}_historical{rest}"
        return options

    def create_history_m2m_model(
        self, model: type[models.Model], through_model: type[models.Model]
    ) -> type[models.Model]:
        m2m_model = super().create_history_m2m_model(model, through_model)
        pgtrigger.register(*append_only())(m2m_model)
        return m2m_model


@receiver(pre_create_historical_record, dispatch_uid="history_request_id")
def _note_request(history_instance: models.Model, **_: Any) -> None:
    history_instance.request_id = origin().request_id  # type: ignore[attr-defined]


def save_as[M: models.Model](actor: User | None, obj: M, *, reason: str) -> M:
    """Save `obj` with its history: made by `actor` (None: the platform itself) for `reason`."""
    _sign(obj, actor, reason)
    obj.save()
    return obj


def delete_as(actor: User | None, obj: models.Model, *, reason: str) -> None:
    """Delete `obj`; its history keeps who did it and why."""
    _sign(obj, actor, reason)
    obj.delete()


def bulk_create_as[M: models.Model](actor: User | None, objs: Sequence[M], *, reason: str) -> list[M]:
    if not objs:
        return []
    return bulk_create_with_history(objs, type(objs[0]), default_user=actor, default_change_reason=reason)


def bulk_update_as(actor: User | None, objs: Sequence[models.Model], fields: Iterable[str], *, reason: str) -> None:
    if objs:
        bulk_update_with_history(objs, type(objs[0]), list(fields), default_user=actor, default_change_reason=reason)


def _sign(obj: models.Model, actor: User | None, reason: str) -> None:
    obj._history_user = actor  # type: ignore[attr-defined]
    obj._change_reason = reason  # type: ignore[attr-defined]
