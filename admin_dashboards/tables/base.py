"""What every table of the console shares: permissions asked in one place, rows scoped, writes through services."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ActionLocation
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.views import ChangeList

from admin_dashboards.context import StaffRequest, with_filters
from admin_dashboards.errors import with_status
from admin_dashboards.links import audit_address
from admin_dashboards.registry import ObjectPage, object_pages
from admin_dashboards.saved_filters import filters_of
from admin_dashboards.tables.history import HistoryMixin
from admin_dashboards.tables.transfers import TransferMixin
from apps.access import has_row_grants, may, opened
from apps.errors import Absent, DomainError, Refused
from apps.infra.ids import parse_id
from apps.users.models import PAGE_SIZES


class BoundedPaginator(Paginator):
    """Counts and pages through the first rows only: nobody leafs through a million, and counting them is slow."""

    limit = 10_000
    object_list: Any

    @cached_property
    def _counted(self) -> int:
        return self.object_list.order_by().values("pk")[: self.limit + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.limit)

    def validate_number(self, number: Any) -> int:
        # A page past the end shows the last one; an error would lose search and filters.
        return max(1, min(int(number), self.num_pages))

    def page(self, number: Any) -> Page:
        page = super().page(number)
        if page.start_index() > 1 and not self.object_list.query.distinct:
            # Picked by keys alone: joins would be worked out for all that is skipped, too.
            rows: Any = page.object_list
            page.object_list = self.object_list.filter(pk__in=rows.values("pk"))
        return page

    @property
    def there_are_more(self) -> bool:
        return self._counted > self.limit


class Rows(ChangeList):
    """One page of a table, in the size that the viewer chose."""

    page_num: Any
    result_list: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_ordering_field(self, field_name: Any) -> Any:
        # Only an order that a heading offers: any other would read the whole table.
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    def get_results(self, request: StaffRequest) -> None:
        self.list_per_page = request.user.page_size
        self.page_sizes = PAGE_SIZES
        super().get_results(request)
        self.page_num = self.paginator.validate_number(self.page_num)
        self.first_page = request.path + self.get_query_string()
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count
        self.sections = self.model_admin.sections_for(request)
        if self.sections:
            self.result_list = list(self.result_list)
            self.model_admin.attach_sections(request, self.result_list)


class Form(forms.ModelForm):
    """Shows what the domain said where it rejected the input, with everything typed still in place."""

    rejected: ClassVar[DomainError | None] = None
    # Of various types, and of a request's data where the form is bound.
    fields: dict[str, Any]
    data: Any

    def _clean_form(self) -> None:
        super()._clean_form()  # type: ignore[misc]
        if self.rejected is not None:
            field = self.rejected.field
            self.add_error(field if field in self.fields else None, str(self.rejected))


class ModelAdmin(HistoryMixin, TransferMixin, UnfoldModelAdmin):
    """A table. It declares what may be done in it, by which permission; services do it.

    A action that is None does not exist here, for nobody, superusers included.
    """

    adds: ClassVar[str | None] = None
    """The permission's action ("add", "review" …) with which one adds a row; likewise:"""
    changes: ClassVar[str | None] = None
    deletes: ClassVar[str | None] = None
    also_seen_with: ClassVar[tuple[str, ...]] = ()
    """Further actions that include seeing a row, beside view, change, delete and those above."""

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

    # --- Who may ----------------------------------------------------------------------------------------------------

    @property
    def seen_with(self) -> tuple[str, ...]:
        """The actions that include seeing: who may change or delete something may see it."""
        own = [action for action in (self.changes, self.deletes) if action]
        return tuple(dict.fromkeys(("view", "change", "delete", *own, *self.also_seen_with)))

    def perm(self, action: str) -> str:
        return f"{self.opts.app_label}.{action}_{self.opts.model_name}"

    def allowed(self, request: StaffRequest, action: str | None, obj: Any = None) -> bool:
        """Whether the person may do `action`: on `obj`, a row or the id of one, or, without it, on any row at all.

        A denial is kept on the console of the request, for the page that says what is missing.
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
        """False, with why for the page that says it."""
        return request.console.deny(sentence)

    def has_view_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        # The plain right to see comes last, so that a refusal names it.
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
        """The rows that the person may see; lists, counts, lookups, exports and history all begin here."""
        rows = self.rows()
        if any(may(request.user, self.perm(action)) for action in self.seen_with):
            return rows
        if not has_row_grants(self.model):
            return rows.none()
        seen = Q()
        for action in self.seen_with:
            if self.perm(action) in request.console.rows_held:
                seen |= opened(request.user, self.perm(action), self.model)
        return rows.filter(seen) if seen else rows.none()

    def may_share_filters(self, request: StaffRequest) -> bool:
        """Whether the viewer may show a saved filter to all who open the table: they do not only read in it."""
        allowed = (self.has_change_permission, self.has_add_permission, self.has_delete_permission)
        return any(each(request) for each in allowed)

    def sections_for(self, request: StaffRequest) -> list[Any]:
        """The sections of `list_sections` that the person may open."""
        return list(self.list_sections)

    def attach_sections(self, request: StaffRequest, rows: list[Any]) -> None:
        """Put on each row what its sections show, asked for once for the whole page."""

    def parts(self) -> dict[tuple[str, str], Q]:
        """Shares of the table that the overview counts too: a name and the address's query, and what it means."""
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

    def rows(self) -> QuerySet[Any]:
        """Everything that this table is about, in its order, with what a line names."""
        rows = self.model._default_manager.get_queryset()
        return rows.order_by(*self.ordering) if self.ordering else rows

    def get_object(self, request: StaffRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; absent and not theirs to see look the same."""
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
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    # --- Writing ----------------------------------------------------------------------------------------------------

    def save_model(self, request: StaffRequest, obj: Any, form: Any, change: bool) -> None:
        raise NotImplementedError(f"{type(self).__name__} must save through a service.")

    def delete_model(self, request: StaffRequest, obj: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} must delete through a service.")

    def save_related(self, request: StaffRequest, form: Any, formsets: Any, change: bool) -> None:
        """Services save a thing with all that belongs to it."""

    def delete_queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    def get_deleted_objects(
        self, objs: Any, request: StaffRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the confirmation lists: the things themselves; services know what else goes with them."""
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
            # The transaction is undone; the same input is shown again with what was said.
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
        """Refuse an action that is not the person's; Django would show the list again as if nothing had been."""
        chosen = {name for name in request.POST.getlist("action") if name}
        theirs = self.get_actions(request)
        if self.has_view_permission(request) and (not theirs or not chosen <= set(theirs)):
            known = {action.name: action.func for action in self._get_base_actions()}
            for name in chosen & set(known):
                for permission in getattr(known[name], "allowed_permissions", ()):
                    getattr(self, f"has_{permission}_permission")(request)
            raise PermissionDenied
        sent = set(request.POST.getlist(ACTION_CHECKBOX_NAME))
        numbers = {number for text in sent if (number := parse_id(text))}
        if not self.has_view_permission(request):
            return
        # Where none of them is there, or theirs to see, Django would answer as if it had been done.
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
        """The address of a page of this table, with the filters of the list that the person came from."""
        return with_filters(request, reverse(self.address(page), args=args))

    def address(self, page: str) -> str:
        return f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}"
