"""The text of reported content, field by field: as it is now, and as it was reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.text import capfirst

from apps.moderation.content import content_of
from apps.moderation.models import Case


@dataclass(slots=True)
class FieldText:
    """One field of the content: its text now, and each different text that was reported."""

    name: str
    now: str
    reported: list[tuple[datetime, str]] = field(default_factory=list)


def field_texts(case: Case, target: Any) -> list[FieldText]:
    """The fields of the content, with each text that was reported and differs from now."""
    content = content_of(case.kind)
    now = content.snapshot(target) if target is not None else {}
    snapshots = list(case.snapshots.order_by("id"))
    names = dict.fromkeys([*now, *(name for snapshot in snapshots for name in snapshot.text)])
    found = []
    for name in names:
        if name in content.proof_fields:
            continue
        line = FieldText(_label(case.kind, name), now.get(name, ""))
        for snapshot in snapshots:
            text = snapshot.text.get(name, "")
            if text != line.now and text not in [earlier for _at, earlier in line.reported]:
                line.reported.append((snapshot.taken_at, text))
        found.append(line)
    return found


def _label(kind: str, name: str) -> str:
    content = content_of(kind)
    path = next(path for path in content.text_fields if path.rpartition(".")[2] == name)
    *steps, last = path.split(".")
    model: Any = content.model
    for step in steps:
        model = model._meta.get_field(step).related_model
    return capfirst(str(model._meta.get_field(last).verbose_name))
