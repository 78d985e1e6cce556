"""Tables whose rows are users: each view is recorded."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.http import HttpResponse

from admin_dashboards.context import StaffRequest, refuse_other_sites
from admin_dashboards.tables.search import SearchableAdmin
from apps.users.accounts.access_log import record_account_view
from apps.users.models import User


class PersonAdmin(SearchableAdmin):
    """Views of the page, the history and the versions of a row are recorded, and shown to the user of the row.

    A row is an account, or something that belongs to the account `user`.
    """

    def render_change_form(
        self, request: StaffRequest, context: dict[str, Any], *args: Any, obj: Any = None, **options: Any
    ) -> HttpResponse:
        if obj is not None:
            self._note(request, obj)
        return super().render_change_form(request, context, *args, obj=obj, **options)

    def _history_page(self, request: StaffRequest, obj: Model, template: str, context: dict[str, Any]) -> HttpResponse:
        self._note(request, obj)
        return super()._history_page(request, obj, template, context)

    def _note(self, request: StaffRequest, row: Any) -> None:
        refuse_other_sites(request)
        record_account_view(request.user, row if isinstance(row, User) else row.user)
