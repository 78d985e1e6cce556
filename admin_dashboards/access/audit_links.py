"""Where the audit log of something stands, for those who may open it."""

from __future__ import annotations

from django.db.models import Model
from django.urls import reverse
from django.utils.http import urlencode

from admin_dashboards.context import StaffRequest
from apps.access import may
from apps.users.models import User

VIEW = "audit.view_entry"
PLACE = "admin:desk_access_audit"


def audit_address(request: StaffRequest, obj: Model) -> str:
    """Of the audit log of `obj`: what staff did, what concerns another user, what happened to any other object.

    Empty for those who may not open it.
    """
    if not may(request.user, VIEW):
        return ""
    if isinstance(obj, User):
        asked = {"actor" if obj.is_staff else "user": obj.username}
    else:
        asked = {"type": obj._meta.concrete_model._meta.label_lower, "id": str(obj.pk)}  # type: ignore[union-attr]
    return f"{reverse(PLACE)}?{urlencode(asked)}"
