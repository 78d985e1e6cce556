"""What each version of a row has beside its columns, and how many are written at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import models
from simple_history.manager import HistoryManager

from apps.audit.actions import label_of
from apps.audit.encryption import encrypted_fields, keys_held


class Version(models.Model):
    """The columns of each version beside those of the row."""

    request_id = models.CharField(max_length=64, blank=True, editable=False)
    action = models.CharField(max_length=48, blank=True, default="", db_default="", editable=False)
    """The code of the action, see `apps.audit.actions`; empty for what earlier releases wrote."""
    history_change_reason: str | None
    """Added by the library: what a user wrote."""

    @property
    def label(self) -> str:
        """What was done, in a word or two; empty where an earlier release wrote it."""
        return label_of(self.action).removesuffix(" of") if self.action else ""

    @property
    def sentence(self) -> str:
        """What was done and why: the label of the action and the note, as far as they are known."""
        return ": ".join(filter(None, [self.label, self.note]))

    @property
    def note(self) -> str:
        """What a user wrote, or, of what earlier releases wrote, what was done."""
        return self.history_change_reason or ""

    class Meta:
        abstract = True


def persons_of(version: type[models.Model], row: Any) -> set[int | None]:
    """The persons under whose keys a version of `row` is going to be encrypted."""
    note = "history_change_reason"
    written = vars(row) | {note: getattr(row, "_change_reason", None)}
    return {getattr(row, field.person) for field in encrypted_fields(version) if written.get(field.attname)}


class VersionManager(HistoryManager):
    """Writes many versions with one look-up of the keys of their persons."""

    @classmethod
    @cache
    def from_queryset(cls, queryset_class: type[models.QuerySet[Any]], class_name: str | None = None) -> Any:
        """The library makes the class of a history's manager at each access to it, which takes longer than the rest."""
        return super().from_queryset(queryset_class, class_name)

    def bulk_history_create(self, objs: Sequence[models.Model], *args: Any, **kwargs: Any) -> Any:
        with keys_held(person for obj in objs for person in persons_of(self.model, obj)):
            return super().bulk_history_create(objs, *args, **kwargs)
