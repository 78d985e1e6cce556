"""The table of staff accounts."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from admin_dashboards.access.confirmed_admin import ConfirmedAdmin
from admin_dashboards.access.filters import GroupFilter
from admin_dashboards.access.forms import NewPasswordForm, NewStaffForm, StaffForm
from admin_dashboards.access.grants import key_of, row_grants_of
from admin_dashboards.access.group_admin import membership_text
from admin_dashboards.access.objects import MOST, find_objects, kinds
from admin_dashboards.access.session_admin import end_all_address
from admin_dashboards.context import PART, StaffRequest
from admin_dashboards.sign_in.reauth import recently_confirmed
from admin_dashboards.states import label
from admin_dashboards.tables.date_filters import DaysFilter
from admin_dashboards.tables.search import SearchableAdmin
from apps.errors import Invalid
from apps.users.accounts.guards import (
    is_protected_administrator,
    is_protected_superuser,
    refuse_access_administrator,
)
from apps.users.models import Staff, User
from apps.users.names import tidy
from apps.users.staff.accounts import add_staff, change_staff, current_memberships, set_staff_password

SIGNS_IN_WITH = ("username", "email")


@admin.register(Staff)
class StaffAdmin(ConfirmedAdmin, SearchableAdmin):
    adds: ClassVar[str | None] = "add"
    changes: ClassVar[str | None] = "change"

    form = StaffForm
    list_display = ["username", "email", "belongs_to", "account", "last_login"]
    list_filter = ["is_active", GroupFilter, ("last_login", DaysFilter)]
    ordering = ["username"]
    sortable_by = ["username", "last_login"]
    search_help_text = gettext_lazy("User name, email or ID")
    add_fieldsets = ((None, {"fields": ["username", "email", "password1", "password2", "groups"]}),)
    change_form_outer_after_template = "access/staff_grants.html"

    def get_urls(self) -> list[URLPattern]:
        def wrap(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        return [
            path("<int:staff_id>/password/", wrap(self.password_view), name="users_staff_password"),
            path("<int:staff_id>/grant/", wrap(self.grant_view), name="users_staff_grant"),
            *super().get_urls(),
        ]

    def get_search_fields(self, request: StaffRequest) -> list[str]:
        return ["username", "email"]

    def found_by(self, term: str) -> Q:
        staff = User.objects.staff()
        found = staff.with_name_part(term) | staff.with_address_part(term)
        return super().found_by(term) | Q(pk__in=found.values("pk"))

    def concerned(self, obj: Any) -> set[int]:
        return set() if obj is None or obj.pk is None else {obj.pk}

    def rows(self) -> QuerySet[Any]:
        return super().rows().filter(is_staff=True).prefetch_related(current_memberships())

    def has_change_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        if isinstance(obj, User) and is_protected_superuser(obj, request.user):
            return self.deny(
                request, _("%(name)s is a superuser. Only superusers can change this account.") % {"name": obj}
            )
        return super().has_change_permission(request, obj)

    def get_fieldsets(self, request: StaffRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        rights = ["own_groups"] if self._read_only_groups(request, obj) else ["groups"]
        return [
            (None, {"fields": ["username", "email", "is_active"]}),
            (_("Groups and permissions"), {"fields": [*rights, "superuser"]}),
            (_("Sign-in"), {"fields": ["last_login", "date_joined"]}),
        ]

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        fixed = ["own_groups", "superuser", "last_login", "date_joined"]
        if obj is None:
            return fixed
        if is_protected_administrator(request.user, obj):
            return [*fixed, *SIGNS_IN_WITH, "is_active"]
        return [*fixed, "is_active"] if obj.pk == request.user.pk else fixed

    def _read_only_groups(self, request: StaffRequest, obj: Any) -> bool:
        return obj.pk == request.user.pk or not self.has_change_permission(request, obj)

    def get_form(self, request: StaffRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[Any]:
        form = super().get_form(request, obj, change=change, form=StaffForm if change else NewStaffForm, **kwargs)
        return type(form.__name__, (form,), {"actor": request.user})

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        staff = self.get_object(request, unquote(object_id))
        sent = {name: request.POST[name] for name in SIGNS_IN_WITH if name in request.POST}
        if any(tidy(text) != tidy(getattr(staff, name)) for name, text in sent.items()):
            refuse_access_administrator(request.user, staff)
        may_grant = self.allowed_perm(request, "users.grant_permission")
        theirs = self.has_change_permission(request, staff) and staff.pk != request.user.pk
        may_set_password = theirs and not is_protected_administrator(request.user, staff)
        context = {
            "row_grants": row_grants_of(staff),
            "previews": theirs,
            "kinds": kinds() if may_grant and theirs else [],
            "end_all_address": end_all_address(request, staff),
            "password_address": self.within(request, "password", staff.pk) if may_set_password else "",
            "show_save_and_continue": False,
            "title": staff.username,
            "subtitle": None,
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def save_model(self, request: StaffRequest, obj: Staff, form: Any, change: bool) -> None:
        data = form.cleaned_data
        if change:
            given = {name: data[name] for name in ("username", "email", "is_active", "groups", "ends") if name in data}
            change_staff(request.user, obj.pk, **given)
            return
        saved = add_staff(
            request.user,
            username=data["username"],
            email=data["email"],
            password=data["password1"],
            groups=data["groups"],
            ends=data["ends"],
        )
        obj.pk, obj.username = saved.pk, saved.username

    def password_view(self, request: StaffRequest, staff_id: int) -> HttpResponse:
        staff = self.get_object(request, str(staff_id))
        if not self.has_change_permission(request, staff):
            raise PermissionDenied
        refuse_access_administrator(request.user, staff)
        return recently_confirmed(self._new_password)(request, staff)

    def _new_password(self, request: StaffRequest, staff: Staff) -> HttpResponse:
        form = NewPasswordForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                set_staff_password(request.user, staff.pk, form.cleaned_data["password1"])
            except Invalid as error:
                form.add_error("password1", str(error))
            else:
                said = _("New password set for %(name)s; their sessions have ended.") % {"name": staff}
                self.message_user(request, said, messages.SUCCESS)
                return HttpResponseRedirect(reverse(self.address("change"), args=[staff.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("New password"),
            "opts": self.opts,
            "original": staff,
            "form": form,
        }
        return TemplateResponse(request, "access/password.html", context)

    def grant_view(self, request: StaffRequest, staff_id: int) -> HttpResponse:
        """Search an object to grant the staff member a permission on; a single match redirects to its permissions."""
        staff = self.get_object(request, str(staff_id))
        if not self.allowed_perm(request, "users.grant_permission"):
            raise PermissionDenied
        kind, term = request.GET.get("kind", ""), request.GET.get("q", "").strip()
        matches, holder = find_objects(request.user, kind, term), key_of(staff)
        by_script = PART in request.headers
        if len(matches) == 1 and not by_script:
            return HttpResponseRedirect(f"{matches[0].address}?holder={holder}")
        title = _("Grant permission to %(name)s") % {"name": staff}
        context = {
            "matches": matches,
            "full": len(matches) >= (MOST if kind else MOST // 4),
            "term": term,
            "holder": holder,
        }
        if by_script:
            return TemplateResponse(request, "access/objects.html", context, headers={PART: "1"})
        context |= {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": staff,
            "person": staff,
            "kinds": kinds(),
            "chosen": kind,
            "back": self.within(request, "change", staff.pk),
        }
        return TemplateResponse(request, "access/find_page.html", context)

    @display(description=gettext_lazy("groups"))
    def belongs_to(self, staff: Staff) -> str:
        return ", ".join(sorted(membership_text(member.group.name, member) for member in staff.current)) or "–"  # type: ignore[attr-defined]

    @display(description=gettext_lazy("groups"))
    def own_groups(self, staff: Staff) -> str:
        return self.belongs_to(staff)

    @display(description=gettext_lazy("account"))
    def account(self, staff: Staff) -> SafeString:
        if not staff.is_active:
            return label("block", _("Deactivated"), "bad")
        if staff.is_superuser:
            return label("shield_person", _("Superuser"), "wait")
        return label("person", _("Active"))

    @display(description=gettext_lazy("superuser"))
    def superuser(self, staff: Staff) -> str:
        return _("Yes: may do everything") if staff.is_superuser else _("No")
