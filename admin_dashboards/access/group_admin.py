"""The table of groups."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from admin_dashboards.access.confirmed_admin import ConfirmedAdmin
from admin_dashboards.access.forms import GroupForm
from admin_dashboards.access.preview import what_would_change
from admin_dashboards.context import StaffRequest
from admin_dashboards.links import link_to
from admin_dashboards.states import label
from apps.access import unended, until_text
from apps.users.models import GroupMembership
from apps.users.staff.builtin_roles import is_built_in
from apps.users.staff.groups import delete_group, save_group


@admin.register(Group)
class GroupAdmin(ConfirmedAdmin):
    adds: ClassVar[str | None] = "add"
    changes: ClassVar[str | None] = "change"
    deletes: ClassVar[str | None] = "delete"

    form = GroupForm
    list_display = ["name", "origin", "members", "allows"]
    ordering = ["name"]
    sortable_by = ["name"]
    search_fields = ["name"]
    fieldsets = [(None, {"fields": ["name", "permissions"]})]
    readonly_fields = ["people"]

    def rows(self) -> QuerySet[Any]:
        return (
            super()
            .rows()
            .annotate(
                member_count=Count("memberships", filter=unended("memberships__"), distinct=True),
                permission_count=Count("permissions", distinct=True),
            )
        )

    change_form_outer_after_template = "access/group_preview.html"

    def concerned(self, obj: Any) -> set[int]:
        if obj is None or obj.pk is None:
            return set()
        return set(obj.memberships.filter(unended()).values_list("user", flat=True))

    def get_deleted_objects(
        self, objs: Any, request: StaffRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        names, counts, lacking, protected = super().get_deleted_objects(objs, request)
        if request.POST.get("post"):
            return names, counts, lacking, protected
        changes = [self._deletion(request, group) for group in objs]
        lines = [part for pair in zip(names, changes, strict=True) for part in pair]
        return lines, counts, lacking, protected

    def _deletion(self, request: StaffRequest, group: Group) -> list[str]:
        """What deleting it would change, as lines under its name."""
        members = self.concerned(group)
        return what_would_change(lambda: delete_group(request.user, group.pk), lambda _gone: members).lines()

    def get_fieldsets(self, request: StaffRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fieldsets
        return [*self.fieldsets, (_("Members"), {"fields": ["people"]})]

    def get_form(self, request: StaffRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[Any]:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"actor": request.user})

    def has_delete_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        # The service refuses it, too; here it spares a button that cannot work.
        if request.method == "GET" and isinstance(obj, Group) and is_built_in(obj.name):
            return self.deny(request, _("“%(name)s” is built in and stays.") % {"name": obj.name})
        return super().has_delete_permission(request, obj)

    def save_model(self, request: StaffRequest, obj: Group, form: Any, change: bool) -> None:
        data = form.cleaned_data
        saved = save_group(
            request.user,
            obj.pk if change else None,
            name=data["name"],
            permissions=data["permissions"],
        )
        obj.pk, obj.name = saved.pk, saved.name

    def delete_model(self, request: StaffRequest, obj: Group) -> None:
        delete_group(request.user, obj.pk)

    @display(description=gettext_lazy("origin"))
    def origin(self, group: Group) -> SafeString:
        if is_built_in(group.name):
            return label("lock", _("Built in"))
        return label("group", _("Custom"))

    @display(description=gettext_lazy("members"))
    def members(self, group: Any) -> int:
        return group.member_count

    @display(description=gettext_lazy("permissions"))
    def allows(self, group: Any) -> int:
        return group.permission_count

    @display(description=gettext_lazy("members"))
    def people(self, group: Group) -> str:
        members = group.memberships.filter(unended()).select_related("user").order_by("user__username")[:100]
        names = ((membership_text(link_to(member.user), member),) for member in members)
        return format_html_join(", ", "{}", names) or _("No members yet.")


def membership_text(name: str, member: GroupMembership) -> str:
    """`name`, and until when, as it stands in a list."""
    return format_html("{} ({})", name, until_text(member.ends_at)) if member.ends_at else name
