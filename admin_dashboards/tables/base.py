"""What every table of the console shares: its pages and actions, and writes through services."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ActionLocation
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.views import ChangeList

from admin_dashboards.context import StaffRequest, with_filters
from admin_dashboards.errors import with_status
from admin_dashboards.links import audit_address
from admin_dashboards.registry import ObjectPage, object_pages
from admin_dashboards.saved_filters import filters_of
from admin_dashboards.tables.change_list import BoundedPaginator, Rows
from admin_dashboards.tables.forms import Form
from admin_dashboards.tables.history import HistoryMixin
from admin_dashboards.tables.permissions import PermissionMixin
from admin_dashboards.tables.transfers import TransferMixin
from apps.errors import Absent, DomainError, Refused
from apps.infra.ids import parse_id
from apps.users.models import PAGE_SIZES


class ModelAdmin(PermissionMixin, HistoryMixin, TransferMixin, UnfoldModelAdmin):
    """A table. It declares what may be done in it, by which permission; services do it."""

    form = Form
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = PAGE_SIZES[0]
    list_max_show_all = 0
    list_filter_sheet = False
    list_fullwidth = True
    list_before_template = "desk/saved_filters.html"
    list_sections: ClassVar[list[Any]] = []
    save_as = False
    warn_unsaved_form = True
    view_on_site = False
    actions: Any = ()

    def sections_for(self, request: StaffRequest) -> list[Any]:
        """The sections of `list_sections` that the viewer may open."""
        return list(self.list_sections)

    def attach_sections(self, request: StaffRequest, rows: list[Any]) -> None:
        """Put on each row what its sections show, asked for once for the whole page."""

    def parts(self) -> dict[tuple[str, str], Q]:
        """Parts of the table that the overview counts too: by a name and the query of the address, the condition."""
        return {}

    def lookup_allowed(self, lookup: str, value: str, request: StaffRequest | None = None) -> bool:
        """Only what the filters of this table ask: any other lookup would find rows by what is masked in them."""
        for entry in self.get_list_filter(request):  # type: ignore[arg-type]
            name = entry[0] if isinstance(entry, (list, tuple)) else entry
            if not isinstance(name, str):
                name = getattr(name, "parameter_name", "")
            days = (f"{name}_from", f"{name}_to") if isinstance(entry, (list, tuple)) else ()
            if lookup in (name, *days, f"{name}__exact", f"{name}__id__exact", f"{name}__isnull"):
                return True
        return False

    def get_object(self, request: StaffRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row. Raises `Http404` alike where it is absent and where the viewer may not view it."""
        # Django would read digits of any script as numbers, and give each row many addresses.
        obj = super().get_object(request, object_id, from_field) if parse_id(str(object_id)) else None
        if obj is None:
            if not self.has_view_permission(request):
                raise PermissionDenied
            raise Http404
        return obj

    # --- Pages ------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        return [*map(self._path_of, object_pages(self.model)), *super().get_urls()]

    def _path_of(self, page: ObjectPage) -> URLPattern:
        def answer(request: StaffRequest, object_id: str) -> HttpResponse:
            return page.answer(self, request, unquote(object_id))

        name = f"{self.opts.app_label}_{self.opts.model_name}_{page.name}"
        return path(f"<path:object_id>/{page.name}/", self.admin_site.admin_view(answer), name=name)

    def render_change_form(
        self, request: StaffRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        for page in object_pages(self.model) if obj is not None else ():
            if self.allowed_perm(request, page.permission):
                context[f"{page.name}_address"] = reverse(self.address(page.name), args=[obj.pk])
        if obj is not None:
            context["audit_address"] = audit_address(request, obj)
        response = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        # As the desks answer: a form that was not saved is no success.
        response.status_code = 422 if context["errors"] else 200
        return response

    # --- Writing ----------------------------------------------------------------------------------------------------

    def save_model(self, request: StaffRequest, obj: Any, form: Any, change: bool) -> None:
        raise NotImplementedError(f"{type(self).__name__} must save through a service.")

    def delete_model(self, request: StaffRequest, obj: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} must delete through a service.")

    def save_related(self, request: StaffRequest, form: Any, formsets: Any, change: bool) -> None:
        """Services save a row with all that belongs to it."""

    def delete_queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    def get_deleted_objects(
        self, objs: Any, request: StaffRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the confirmation lists: the rows themselves; services know what else is deleted with them."""
        return [str(obj) for obj in objs], {str(self.opts.verbose_name_plural): len(objs)}, set(), []

    # History keeps who did what; Django's own log would be a second, poorer one.
    def log_addition(self, request: StaffRequest, obj: Any, message: Any) -> None: ...

    def log_change(self, request: StaffRequest, obj: Any, message: Any) -> None: ...

    def log_deletions(self, request: StaffRequest, queryset: Any) -> None: ...

    def get_form(self, request: StaffRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[Any]:
        form = super().get_form(request, obj, change=change, **kwargs)
        error = request.console.rejected
        return type(form.__name__, (form,), {"rejected": error}) if error else form

    def changeform_view(
        self,
        request: StaffRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Absent as error:
            raise Http404 from error
        except DomainError as error:
            # The transaction is undone; the same input is shown again with the error.
            request.console.rejected = error
        response = super().changeform_view(request, object_id, form_url, extra_context)
        return with_status(response, request.console.rejected)

    def delete_view(
        self, request: StaffRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except (Absent, Refused):
            raise
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse(self.address("change"), args=[object_id]))

    def changelist_view(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST":
            self._check_action(request)
        context = (
            {"saved": filters_of(request, self.address("changelist"))} if self.has_view_permission(request) else {}
        )
        return super().changelist_view(request, context | (extra_context or {}))

    def _check_action(self, request: StaffRequest) -> None:
        """Deny an action that the viewer does not have; Django would show the list again and no error."""
        chosen = {name for name in request.POST.getlist("action") if name}
        offered = self.get_actions(request)
        if self.has_view_permission(request) and (not offered or not chosen <= set(offered)):
            known = {action.name: action.func for action in self._get_base_actions()}
            for name in chosen & set(known):
                for permission in getattr(known[name], "allowed_permissions", ()):
                    getattr(self, f"has_{permission}_permission")(request)
            raise PermissionDenied
        sent = set(request.POST.getlist(ACTION_CHECKBOX_NAME))
        numbers = {number for text in sent if (number := parse_id(text))}
        if not self.has_view_permission(request):
            return
        # Where the viewer may view none of them, Django would answer as if it had been done.
        odd = len(numbers) != len(sent)
        if odd or (numbers and not self.get_queryset(request).filter(pk__in=numbers).exists()):
            raise Http404

    def response_action(
        self,
        request: StaffRequest,
        queryset: QuerySet[Any],
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> HttpResponse | None:
        try:
            return super().response_action(request, queryset, action_location=action_location)
        except (Absent, Refused):
            raise
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            return None

    def get_changelist(self, request: StaffRequest, **kwargs: Any) -> type[ChangeList]:
        return Rows

    def within(self, request: StaffRequest, page: str, *args: Any) -> str:
        """The address of a page of this table, with the filters of the list that the viewer came from."""
        return with_filters(request, reverse(self.address(page), args=args))

    def address(self, page: str) -> str:
        return f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}"
