"""Preferences of staff for the desks: time zone, time away, keys, veiled pictures."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.errors import Invalid
from apps.review.models import Preference, ReviewItem
from apps.review.shortcuts import checked
from apps.review.time_zones import time_zones
from apps.visibility.slots import VIEWER
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from apps.users.models import User

LONGEST_AWAY = timedelta(days=366)


def is_away(person: User) -> bool:
    preference: Preference | None = getattr(person, "desk_preference", None)
    return preference is not None and preference.is_away


def preference_of(user: User) -> Preference:
    """The preferences of `user`; unsaved defaults where they have chosen none."""
    return next(iter(_preference().rows({"viewer": user.pk})), None) or Preference(staff=user)


@cache
def _preference() -> Statement:
    """The preferences of one user."""
    return Statement(Preference.objects.filter(staff=VIEWER))


@transaction.atomic
def prefer(user: User, **choices: object) -> Preference:
    """Store preferences. Raises `Invalid` for an unknown time zone, a time away in the past, or keys that clash."""
    if isinstance(keys := choices.get("keys"), dict):
        choices["keys"] = checked(keys)
    zone = choices.get("time_zone")
    if zone is not None and zone not in time_zones():
        raise Invalid("unknown", _("There is no such time zone. Choose one of the list."), field="time_zone")
    away = choices.get("away_until")
    if isinstance(away, datetime) and away <= timezone.now():
        raise Invalid("past", _("Choose a time in the future."), field="away_until")
    if isinstance(away, datetime) and away > timezone.now() + LONGEST_AWAY:
        raise Invalid("too-far", _("Choose a time within a year."), field="away_until")
    preference, _created = Preference.objects.select_for_update().get_or_create(staff=user)
    for name, value in choices.items():
        setattr(preference, name, value)
    preference.save(update_fields=list(choices))
    if preference.is_away:
        _give_back(user)
    return preference


def _give_back(user: User) -> None:
    """Unassign the items of an officer who is away."""
    for model in (model for model in apps.get_models() if issubclass(model, ReviewItem)):
        model._default_manager.filter(assigned_to=user.pk).update(assigned_to=None)
