"""Who may export and import a table, and what is recorded of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest, asking
from apps.access import may
from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Refused
from apps.tables.models import Transfer
from apps.tables.services import unfinished_of

if TYPE_CHECKING:
    from apps.users.models import User


class FileAccess(admin.ModelAdmin):
    """What exports and imports of a table share."""

    def _perm(self, verb: str) -> str:
        return f"{self.opts.app_label}.{verb}_{self.opts.model_name}"

    def _holds(self, request: StaffRequest, verb: str) -> bool:
        return self.has_view_permission(request) and bool(may(self._user(request), self._perm(verb)))

    def refuse_unless(self, request: StaffRequest, allowed: bool, verb: str) -> None:
        """Raises `PermissionDenied` with what is missing, or `Refused` where no permission would allow it."""
        if allowed:
            return
        decision = may(self._user(request), self._perm(verb))
        if decision:
            rows = capfirst(str(self.opts.verbose_name_plural))
            raise Refused("no-files", _("%(rows)s are neither imported nor exported here.") % {"rows": rows})
        raise PermissionDenied(decision.sentence)

    def _record(self, request: StaffRequest, verb: Action, rows: int) -> None:
        record(self._user(request), verb, table=self.opts.label_lower, rows=rows, filters=request.GET.urlencode())

    def _page(self, page: str, *args: str) -> str:
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)

    @staticmethod
    def _user(request: StaffRequest) -> User:
        return request.user


def unfinished() -> list[tuple[Transfer, str]]:
    """The viewer's unfinished imports and exports, of all tables, with the address of the page of each."""
    user: Any = asking().user
    return [
        (transfer, reverse(f"admin:{transfer.table.replace('.', '_')}_{transfer.kind}_job", args=[transfer.pk]))
        for transfer in unfinished_of(user)
    ]
