from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.users.models import Session


class SessionStateFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("Live")), ("ended", _("Ended")), ("expired", _("Expired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        match self.value():
            case "live":
                return queryset.filter(ended_at__isnull=True, expires_at__gt=timezone.now())
            case "ended":
                return queryset.filter(ended_at__isnull=False)
            case "expired":
                return queryset.filter(ended_at__isnull=True, expires_at__lte=timezone.now())
        return queryset
