"""Links to objects and to their audit log, where the viewer may follow them."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from admin_dashboards.context import StaffRequest, asking
from admin_dashboards.registry import table_for
from apps.access import may
from apps.users.models import Staff, User

MOST_FOLLOWED = 1000
"""How many rows that are open by object permissions alone are linked in one answer."""
VIEWS_AUDIT_LOG = "audit.view_entry"
AUDIT_LOG = "admin:desk_access_audit"


def link_to(obj: Model | None, text: str | None = None) -> str:
    """`obj` by name; a link where the viewer may follow it.

    A user leads to the table of users or staff, or, for viewers who may not open it, to their profile, where the row
    came with it (`select_related`).
    """
    if obj is None:
        return "–"
    text = str(obj) if text is None else text
    for target in _targets(obj):
        if _may_follow(target):
            opts = target._meta
            address = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[target.pk])
            return format_html('<a href="{}" class="link">{}</a>', address, text)
    return format_html("{}", text)


def _targets(obj: Model) -> list[Model]:
    if not isinstance(obj, User):
        return [obj]
    if obj.is_staff:
        return [Staff(pk=obj.pk)]
    return [obj, obj.profile] if User.profile.is_cached(obj) else [obj]


def may_open(obj: Model) -> bool:
    """Whether the viewer may open the page of `obj` that `link_to` leads to."""
    return any(_may_follow(target) for target in _targets(obj))


def _may_follow(target: Model) -> bool:
    request, model = asking(), type(target)
    table = table_for(model)
    if table is None:
        return False

    def rows_to_follow() -> bool | set[Any]:
        if any(request.console.may(table.perm(action)) for action in table.seen_with):
            return True
        if table.has_view_permission(request):
            return set(table.get_queryset(request).values_list("pk", flat=True)[:MOST_FOLLOWED])
        return False

    rows = request.console.once(("followable", model), rows_to_follow)
    return rows if isinstance(rows, bool) else target.pk in rows


def audit_address(request: StaffRequest, obj: Model) -> str:
    """The address of the audit log of `obj`; empty where the viewer may not open it.

    It lists what a member of staff did, what concerns another user, and what happened to any other object.
    """
    if not may(request.user, VIEWS_AUDIT_LOG):
        return ""
    if isinstance(obj, User):
        asked = {"actor" if obj.is_staff else "user": obj.username}
    else:
        model = obj._meta.concrete_model
        assert model is not None  # only abstract models have none
        asked = {"type": model._meta.label_lower, "id": str(obj.pk)}
    return f"{reverse(AUDIT_LOG)}?{urlencode(asked)}"
