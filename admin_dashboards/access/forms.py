"""The forms of the access desk. What they accept is decided by the services; they only offer it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django import forms
from django.contrib.auth.models import Group, Permission
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget

from admin_dashboards.access.picker import PermissionsField, offered
from admin_dashboards.local_time import read_time, time_input
from admin_dashboards.tables.forms import Form
from apps.infra.ids import parse_id
from apps.users.accounts.guards import ACCESS_PERMISSIONS, grantable, refuse_oneself, require_joinable
from apps.users.models import Staff, User
from apps.users.staff.accounts import groups_of
from apps.users.staff.builtin_roles import is_built_in


class GroupForm(Form):
    permissions = PermissionsField(queryset=None, required=False, label=gettext_lazy("Permissions"))

    class Meta:
        model = Group
        fields = ("name", "permissions")

    actor: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["permissions"]
        field.queryset = offered()
        theirs = set(grantable(self.actor).values_list("pk", flat=True))
        kept_back = set(offered().values_list("pk", flat=True)) - theirs
        field.widget.kept_back = kept_back
        if self.instance.pk and is_built_in(self.instance.name):
            self.fields["name"].disabled = True
            self.fields["name"].help_text = _(
                "A built-in group keeps its name, and gets its permissions back whenever roles are set up again."
            )

    def clean_permissions(self) -> set[Any]:
        """What was ticked, and what the group has that this page does not offer to the viewer."""
        ticked = set(self.cleaned_data["permissions"])
        if not self.instance.pk:
            return ticked
        shown = {p.pk for p in self.fields["permissions"].queryset} - self.fields["permissions"].widget.kept_back
        return ticked | {p for p in self.instance.permissions.all() if p.pk not in shown}

    def _post_clean(self) -> None:
        """The service checks and saves; the row stays as it is until then."""


class GroupBoxes(forms.CheckboxSelectMultiple):
    """A checkbox for each group, and beside it the end of the membership; empty is permanent."""

    template_name = "access/groups.html"
    ends: Mapping[int, str] = MappingProxyType({})
    """As filled in, by the number of the group."""

    def get_context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().get_context(*args, **kwargs) | {"zone": timezone.get_current_timezone_name()}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        group = value.instance
        option["end"] = {"name": end_name(group.pk), "value": self.ends.get(group.pk, "")}
        return option


def end_name(group_id: int) -> str:
    """What the field of a membership's end is called."""
    return f"groups_until_{group_id}"


class GroupsField(forms.ModelMultipleChoiceField):
    widget = GroupBoxes


class StaffForm(Form):
    groups = GroupsField(queryset=None, required=False, label=gettext_lazy("Groups"))

    class Meta:
        model = Staff
        fields = ("username", "email", "is_active", "groups")

    actor: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refuse_what_is_not_offered()
        if self.instance.pk == self.actor.pk:
            del self.fields["groups"]  # one's own are shown, not offered
        else:
            self.fields["groups"].queryset = joinable(self.actor)
            have = self._have()
            self.initial["groups"] = list(have)
            widget = self.fields["groups"].widget
            if self.is_bound:
                widget.ends = {group.pk: self.data.get(end_name(group.pk), "") for group in joinable(self.actor)}
            else:
                widget.ends = {group.pk: time_input(end) for group, end in have.items() if end}

    def _have(self) -> dict[Any, datetime | None]:
        return groups_of(self.instance) if self.instance.pk else {}

    def _refuse_what_is_not_offered(self) -> None:
        """Refuse groups that the viewer may not grant, however they got into the form."""
        sent = {parse_id(number) for number in self.data.getlist("groups")} if self.is_bound else set()
        have = {group.pk for group in self._have()}
        new = Group.objects.filter(pk__in=sent).exclude(pk__in=have)
        if new and self.instance.pk == self.actor.pk:
            refuse_oneself(
                self.actor, self.instance, _("You cannot change your own permissions. Ask another access manager.")
            )
        require_joinable(self.actor, list(new))

    def clean_groups(self) -> set[Any]:
        """What was ticked, and the groups that the viewer may not remove members from."""
        ticked = set(self.cleaned_data["groups"])
        have = self._have()
        self.cleaned_data["ends"] = {
            group.pk: read_time(self.data[end_name(group.pk)], have.get(group))
            for group in ticked
            if end_name(group.pk) in self.data
        }
        offered_ids = set(self.fields["groups"].queryset.values_list("pk", flat=True))
        return ticked | {group for group in have if group.pk not in offered_ids}

    def _post_clean(self) -> None:
        """The service checks and saves; the row stays as it is until then."""


class NewStaffForm(StaffForm):
    password1 = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label=gettext_lazy("Password again"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = Staff
        fields = ("username", "email", "groups")

    def clean_password2(self) -> str:
        return _same(self.cleaned_data)


class NewPasswordForm(forms.Form):
    password1 = NewStaffForm.base_fields["password1"]
    password2 = NewStaffForm.base_fields["password2"]

    def clean_password2(self) -> str:
        return _same(self.cleaned_data)


def joinable(actor: User) -> Any:
    """The groups that `actor` may add members to."""
    groups = Group.objects.order_by("name")
    if actor.is_superuser:
        return groups
    return groups.exclude(permissions__in=Permission.objects.filter(ACCESS_PERMISSIONS))


def _same(data: dict[str, Any]) -> str:
    if data.get("password1") and data["password1"] != data["password2"]:
        raise forms.ValidationError(_("The two passwords are not the same."), code="different")
    return str(data["password2"])
