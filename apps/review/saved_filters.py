"""Filters of tables and queues that staff save under a name."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.utils.translation import gettext as _

from apps.errors import Absent, Conflict, Invalid, Refused
from apps.review.models import SavedFilter
from apps.review.texts import checked_text
from apps.visibility.slots import VIEWER, Slot
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from apps.users.models import User

MOST_FILTERS = 50
"""Saved filters of one member of staff."""


@transaction.atomic
def save_filter(owner: User, *, place: str, name: str, query: str, shared: bool = False) -> SavedFilter:
    """Keep a filter under a name; the same name again replaces it. Raises `Conflict` beyond `MOST_FILTERS`."""
    name = checked_text(name, "name", 60, _("Give the filter a name."))
    if len(query) > 1000:
        raise Invalid("too-long", _("This filter is too long to keep."), field="query")
    theirs = SavedFilter.objects.filter(owner=owner)
    if theirs.count() >= MOST_FILTERS and not theirs.filter(place=place, name=name).exists():
        raise Conflict("too-many", _("You keep %(n)d filters already. Delete one first.") % {"n": MOST_FILTERS})
    kept, _created = SavedFilter.objects.update_or_create(
        owner=owner, place=place, name=name, defaults={"query": query, "shared": shared}
    )
    return kept


@transaction.atomic
def delete_filter(actor: User, filter_id: int) -> None:
    """Delete a filter: one's own, or as a superuser a shared one of others."""
    seen = models.Q(owner=actor) | models.Q(shared=True)
    kept = SavedFilter.objects.filter(seen, pk=filter_id).first()
    if kept is None:
        raise Absent("absent", _("There is no such filter."))
    if kept.owner_id != actor.pk and not actor.is_superuser:
        raise Refused("not-yours", _("Only its owner can delete a shared filter. Ask them, or a superuser."))
    kept.delete()


def saved_filters(user: User, place: str) -> list[SavedFilter]:
    """The viewer's own filters of a table or queue and the shared ones, by name."""
    return _filters().rows({"viewer": user.pk, "place": place})


@cache
def _filters() -> Statement:
    """One's own filters of one place and the shared ones, by name."""
    mine_or_shared, place = models.Q(owner=VIEWER) | models.Q(shared=True), Slot("place", models.TextField())
    filters = SavedFilter.objects.filter(mine_or_shared, place=place)
    return Statement(filters.select_related("owner").order_by("name", "pk"))
