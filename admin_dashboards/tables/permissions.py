"""Who may view, add, change and delete rows of a table: permissions asked in one place, rows scoped."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from apps.access import has_row_grants, may, opened
from apps.infra.ids import parse_id


class PermissionMixin(admin.ModelAdmin):
    """A table declares by which permission its rows are added, changed and deleted.

    An action that is None does not exist here for any user, superusers included.
    """

    adds: ClassVar[str | None] = None
    """The permission's action ("add", "review" …) by which rows are added; likewise:"""
    changes: ClassVar[str | None] = None
    deletes: ClassVar[str | None] = None
    also_seen_with: ClassVar[tuple[str, ...]] = ()
    """Further actions that include viewing a row, beside view, change, delete and those above."""

    @property
    def seen_with(self) -> tuple[str, ...]:
        """The actions that include viewing: who may change or delete a row may view it."""
        own = [action for action in (self.changes, self.deletes) if action]
        return tuple(dict.fromkeys(("view", "change", "delete", *own, *self.also_seen_with)))

    def perm(self, action: str) -> str:
        return f"{self.opts.app_label}.{action}_{self.opts.model_name}"

    def allowed(self, request: StaffRequest, action: str | None, obj: Any = None) -> bool:
        """Whether the viewer may do `action`: on `obj`, a row or the id of one, or, without it, on any row at all.

        A denial is kept on the console of the request, for the page that names what is missing.
        """
        if action is None:
            return self.deny(request, _("This table is read-only."))
        if obj is not None and not isinstance(obj, Model):
            obj = self.get_queryset(request).filter(pk=parse_id(str(obj))).first()
            if obj is None:
                return self.deny(
                    request,
                    _("Nothing exists at this address, or you have no permission to see it. Check the address."),
                )
        return self.allowed_perm(request, self.perm(action), obj)

    def allowed_perm(self, request: StaffRequest, perm: str, obj: Model | None = None) -> bool:
        """The same for a permission by its full name, such as "users.grant_permission"."""
        if request.console.may(perm, obj):
            return True
        return obj is None and has_row_grants(self.model) and perm in request.console.rows_held

    @staticmethod
    def deny(request: StaffRequest, sentence: str) -> bool:
        """False; keeps `sentence` for the page that says why."""
        return request.console.deny(sentence)

    def has_view_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        # The plain right to view comes last, so that a denial names it.
        return any(self.allowed(request, action, obj) for action in reversed(self.seen_with))

    def has_view_or_change_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def has_add_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.allowed(request, self.adds)

    def has_change_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.allowed(request, self.changes, obj)

    def has_delete_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.allowed(request, self.deletes, obj)

    def has_module_permission(self, request: StaffRequest) -> bool:
        return self.has_view_permission(request) or self.has_add_permission(request)

    def get_queryset(self, request: StaffRequest) -> QuerySet[Any]:
        """The rows that the viewer may view; lists, counts, lookups, exports and history all begin here."""
        rows = self.rows()
        if any(may(request.user, self.perm(action)) for action in self.seen_with):
            return rows
        if not has_row_grants(self.model):
            return rows.none()
        granted = Q()
        for action in self.seen_with:
            if self.perm(action) in request.console.rows_held:
                granted |= opened(request.user, self.perm(action), self.model)
        return rows.filter(granted) if granted else rows.none()

    def may_share_filters(self, request: StaffRequest) -> bool:
        """Whether the viewer may show a saved filter to all who open the table: they do not only view it."""
        allowed = (self.has_change_permission, self.has_add_permission, self.has_delete_permission)
        return any(each(request) for each in allowed)

    def rows(self) -> QuerySet[Any]:
        """All rows of this table, in its order, with the rows that a line names."""
        rows = self.model._default_manager.get_queryset()
        return rows.order_by(*self.ordering) if self.ordering else rows
