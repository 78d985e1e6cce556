"""Settings of the desks, each with a permission of its own. Every change is a version with actor, time and value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Max, Model
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import history_of, save_as
from apps.errors import Conflict, Invalid
from apps.review.models import Goal

if TYPE_CHECKING:
    from apps.users.models import User

LONGEST_GOAL = 90 * 24
"""Hours."""


@transaction.atomic
def set_goal(actor: User, queue: str, *, hours: int, version: int | None = None) -> Goal:
    """Set the hours within which items of a queue are to be decided. Raises `Invalid`, and what `keep_setting` does."""
    begin_setting(actor, "desk.change_goal")
    if not 1 <= hours <= LONGEST_GOAL:
        raise Invalid("range", _("Enter whole hours, from 1 to %(n)d.") % {"n": LONGEST_GOAL}, field="hours")
    goal = Goal.objects.filter(queue=queue).first() or Goal(queue=queue)
    return keep_setting(actor, goal, version=version, action=Action.GOAL_SET, hours=hours)


def begin_setting(actor: User, perm: str) -> None:
    """Raise `Refused` where `actor` lacks `perm`; of two who have it, one waits until the other's transaction ends."""
    require(actor, perm)
    # The permission's own row is always there; that of a setting comes with its first change.
    app_label, codename = perm.split(".")
    Permission.objects.select_for_update().get(content_type__app_label=app_label, codename=codename)


def keep_setting[M: Model](actor: User, row: M, *, version: int | None, action: Action, **values: Any) -> M:
    """Save what changes. Raises `Conflict` where another user has changed it since `version`."""
    require_unchanged(row, version)
    if row.pk is not None and all(getattr(row, name) == value for name, value in values.items()):
        return row
    for name, value in values.items():
        setattr(row, name, value)
    return save_as(actor, row, action=action)


def require_unchanged(row: Model, version: int | None) -> None:
    if version not in (None, version_of(row)):
        raise Conflict(
            "changed-since",
            _("This was changed since you opened the page. The current value is shown; save again to replace it."),
        )


def version_of(row: Model) -> int:
    """The id of a setting's latest version; 0 where it has none."""
    return versions_of([row])[row.pk]


def versions_of(rows: Sequence[Model]) -> dict[int, int]:
    """The ids of the latest versions of several rows of one model, by the rows' ids."""
    found = dict.fromkeys((row.pk for row in rows), 0)
    if rows:
        kept = history_of(type(rows[0])).filter(id__in=[row.pk for row in rows]).order_by()
        found |= dict(kept.values_list("id").annotate(Max("history_id")))
    return found
