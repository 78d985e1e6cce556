"""Delete in the moderation tables: content is hidden at once, with an optional reason, and can be restored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from admin_dashboards.context import StaffRequest
from admin_dashboards.tables.base import ModelAdmin
from apps.access import granted
from apps.errors import DomainError

MOST_AT_ONCE = 100
SKIPPED_SHOWN = 5

type Action = Callable[..., Any]


class RemovableAdmin(ModelAdmin):
    """A table whose rows are removed and restored, one by one and by selection."""

    remove: Action
    """The service `(actor, id, *, reason, batch)`, as a `staticmethod`; `restore` likewise."""
    restore: Action

    deletes = "delete"
    actions = ["delete_selected", "restore_selected"]
    delete_confirmation_template = "moderation/remove.html"
    delete_selected_confirmation_template = "moderation/remove.html"
    change_form_outer_before_template: str | None = "moderation/removal.html"
    list_disable_select_all = True

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_restore"
        view = self.admin_site.admin_view(self.restore_view)
        return [path("<path:object_id>/restore/", view, name=name), *super().get_urls()]

    def render_change_form(
        self, request: StaffRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        context["show_delete"] = obj is not None and obj.removed_at is None
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    # --- One --------------------------------------------------------------------------------------------------------

    def delete_model(self, request: StaffRequest, obj: Any) -> None:
        self.remove(request.user, obj.pk, reason=_reason(request))

    def response_delete(self, request: StaffRequest, obj_display: str, obj_id: int) -> HttpResponse:
        messages.success(request, self._said(1, self.remove))
        return HttpResponseRedirect(reverse(self.address("changelist")))

    def restore_view(self, request: StaffRequest, object_id: str) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, obj):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._to_each(request, [obj], self.restore)
        return HttpResponseRedirect(reverse(self.address("change"), args=[obj.pk]))

    # --- A selection ------------------------------------------------------------------------------------------------

    @admin.action(permissions=["delete"], description=gettext_lazy("Delete selected %(verbose_name_plural)s"))
    def delete_selected(self, request: StaffRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        rows = self._chosen(request, queryset)
        if rows and not request.POST.get("post"):
            return self._ask(request, rows)
        self._to_each(request, rows, self.remove)
        return None

    @admin.action(permissions=["delete"], description=gettext_lazy("Restore selected %(verbose_name_plural)s"))
    def restore_selected(self, request: StaffRequest, queryset: QuerySet[Any]) -> None:
        self._to_each(request, self._chosen(request, queryset), self.restore)

    def _chosen(self, request: StaffRequest, queryset: QuerySet[Any]) -> list[Any]:
        """The selected rows, all of which the viewer may remove; none where there are too many."""
        rows = list(queryset[: MOST_AT_ONCE + 1])
        if len(rows) > MOST_AT_ONCE:
            messages.error(request, _("At most %(most)d at once. Select fewer.") % {"most": MOST_AT_ONCE})
            return []
        theirs = granted(request.user, self.model, "delete").filter(pk__in=[row.pk for row in rows])
        open_to_them = set(theirs.values_list("pk", flat=True))
        for row in rows:
            if row.pk not in open_to_them and not self.has_delete_permission(request, row):
                raise PermissionDenied
        return rows

    def _ask(self, request: StaffRequest, rows: list[Any]) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Delete"),
            "opts": self.opts,
            "deleted_objects": [str(row) for row in rows],
            "queryset": rows,
            "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, self.delete_selected_confirmation_template, context)

    # --- The action ---------------------------------------------------------------------------------------------------

    def _to_each(self, request: StaffRequest, rows: list[Any], action: Action) -> None:
        """Do the action on each row; reports how many succeeded, and each that was skipped with its reason."""
        done, skipped, batch = 0, [], uuid4()
        for row in rows:
            try:
                action(request.user, row.pk, reason=_reason(request), batch=batch)
            except DomainError as error:
                skipped.append(f"{row}: {error}")
            else:
                done += 1
        if done:
            messages.success(request, self._said(done, action))
        for sentence in skipped[:SKIPPED_SHOWN]:
            messages.warning(request, sentence)
        if more := len(skipped[SKIPPED_SHOWN:]):
            messages.warning(request, ngettext("%d more stays as it is.", "%d more stay as they are.", more) % more)

    def _said(self, count: int, action: Action) -> str:
        objects = str(self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural)
        if action is self.restore:
            sentence = _("%(count)d %(objects)s restored.")
        else:
            sentence = _("%(count)d %(objects)s removed: hidden from everyone except staff. They can be restored.")
        return sentence % {"count": count, "objects": objects}


def _reason(request: StaffRequest) -> str:
    return request.POST.get("reason", "").strip()
