"""The base of tables in which permissions are given: a recent sign-in is asked for, and a preview is offered."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

from admin_dashboards.access.preview import PREVIEW, Preview, preview_answer, what_would_change
from admin_dashboards.context import StaffRequest
from admin_dashboards.sign_in.reauth import recently_confirmed
from admin_dashboards.tables.base import ModelAdmin
from apps.errors import DomainError


class ConfirmedAdmin(ModelAdmin):
    """A table in which permissions are granted: a POST asks for the password or a code where the last was long ago.

    Only users with the permission are asked; others are refused as everywhere.
    """

    def changeform_view(
        self,
        request: StaffRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        theirs = self.has_change_permission(request) if object_id else self.has_add_permission(request)
        view = super().changeform_view
        if PREVIEW in request.POST and theirs:
            return self._preview(request, object_id)
        return self._confirmed(view, theirs)(request, object_id, form_url, extra_context)

    def delete_view(
        self, request: StaffRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._confirmed(super().delete_view, self.has_delete_permission(request))(
            request, object_id, extra_context
        )

    def changelist_view(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return self._confirmed(super().changelist_view, self.has_delete_permission(request))(request, extra_context)

    def _preview(self, request: StaffRequest, object_id: str | None) -> HttpResponse:
        """What saving the form as it is filled in would change."""
        obj = self.get_object(request, unquote(object_id)) if object_id else None
        if obj is not None and not self.has_change_permission(request, obj):
            raise PermissionDenied
        try:
            form = self.get_form(request, obj, change=obj is not None)(request.POST, instance=obj)
            preview = self._preview_of(request, obj, form)
        except DomainError as error:
            preview = Preview(refused=error)
        return preview_answer(request, preview)

    def _preview_of(self, request: StaffRequest, obj: Any, form: Any) -> Preview:
        if not form.is_valid():
            return Preview(
                errors=[
                    f"{form.fields[name].label}: {error}" if name in form.fields and form.fields[name].label else error
                    for name, errors in form.errors.items()
                    for error in errors
                ]
            )

        def save() -> Any:
            self.save_model(request, form.instance, form, change=obj is not None)
            return form.instance

        return what_would_change(save, lambda saved: self.concerned(saved or obj))

    @abstractmethod
    def concerned(self, obj: Any) -> set[int]:
        """The IDs of the users whom a change of this row may concern."""

    def _confirmed(self, view: Any, theirs: bool) -> Any:
        def answer(request: StaffRequest, *args: Any) -> HttpResponse:
            asks = theirs and request.method == "POST"
            return (recently_confirmed(view) if asks else view)(request, *args)

        return answer
