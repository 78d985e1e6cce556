from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from admin_dashboards.context import StaffRequest
from apps.access import unended
from apps.infra.ids import parse_id
from apps.users.models import GroupMembership, Session, User


class GroupFilter(SimpleListFilter):
    """Staff by the groups that they are members of now."""

    title = _("group")
    parameter_name = "group"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(group.pk), group.name) for group in Group.objects.order_by("name")]

    def queryset(self, request: StaffRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if number := parse_id(self.value() or ""):
            return queryset.filter(pk__in=GroupMembership.objects.filter(unended(), group_id=number).values("user"))
        return queryset


class SessionStateFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("Active")), ("ended", _("Ended")), ("expired", _("Expired"))]

    def queryset(self, request: StaffRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        match self.value():
            case "live":
                return queryset.filter(ended_at__isnull=True, expires_at__gt=timezone.now())
            case "ended":
                return queryset.filter(ended_at__isnull=False)
            case "expired":
                return queryset.filter(ended_at__isnull=True, expires_at__lte=timezone.now())
        return queryset
