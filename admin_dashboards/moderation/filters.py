"""The filters of the moderation tables. Each choice is a link that keeps search, tab and other filters."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from admin_dashboards.context import StaffRequest
from apps.stories.models import LIFETIME


class StoryStateFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("active", _("Active")),
            ("expired", _("Expired")),
            ("removed", _("Removed")),
            ("held", _("Evidence hold")),
        ]

    def queryset(self, request: StaffRequest, queryset: Any) -> QuerySet[Any] | None:
        # A story is active for 24 hours, so the index by creation time finds both.
        made_before = timezone.now() - LIFETIME
        match self.value():
            case "active":
                return queryset.active().filter(created_at__gt=made_before)
            case "expired":
                return queryset.filter(expires_at__lte=timezone.now(), created_at__lte=made_before)
            case "removed":
                return queryset.filter(removed_at__isnull=False)
            case "held":
                return queryset.filter(held=True)
        return None


class RemovedFilter(SimpleListFilter):
    title = _("removal")
    parameter_name = "removed"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("Not removed")), ("yes", _("Removed"))]

    def queryset(self, request: StaffRequest, queryset: Any) -> QuerySet[Any] | None:
        if self.value() in ("yes", "no"):
            return queryset.filter(removed_at__isnull=self.value() == "no")
        return None


class WhenFilter(SimpleListFilter):
    """The tabs of the events: drawn above the table, not beside it."""

    title = _("time")
    parameter_name = "when"
    template = "moderation/no_filter.html"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("past", _("Past")), ("ongoing", _("Ongoing")), ("upcoming", _("Upcoming"))]

    def queryset(self, request: StaffRequest, queryset: Any) -> QuerySet[Any] | None:
        when = self.value()
        if when not in ("past", "ongoing", "upcoming"):
            return None
        return queryset.when(when)
