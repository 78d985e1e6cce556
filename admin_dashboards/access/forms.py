"""The forms of the access desk. What they may say is decided by the services; they only offer it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import Group, Permission
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget

from admin_dashboards.access.picker import PermissionsField, offered
from admin_dashboards.base import Form, whole_number
from apps.users.models import Staff, User
from apps.users.rank import ACCESS_DESK, givable, not_oneself, require_joinable
from apps.users.roles import is_built_in


class GroupForm(Form):
    permissions = PermissionsField(queryset=None, required=False, label=gettext_lazy("Permissions"))

    class Meta:
        model = Group
        fields = ("name", "permissions")

    actor: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["permissions"]
        field.queryset = offered()  # type: ignore[attr-defined]
        theirs = set(givable(self.actor).values_list("pk", flat=True))
        kept_back = set(offered().values_list("pk", flat=True)) - theirs
        field.widget.kept_back = kept_back  # type: ignore[attr-defined]
        if self.instance.pk and is_built_in(self.instance.name):
            self.fields["name"].disabled = True
            self.fields["name"].help_text = _(
                "A built-in group keeps its name, and gets its permissions back whenever roles are set up again."
            )

    def clean_permissions(self) -> set[Any]:
        """What was ticked, and what the group has that this page does not offer to this person."""
        ticked = set(self.cleaned_data["permissions"])
        if not self.instance.pk:
            return ticked
        shown = {p.pk for p in self.fields["permissions"].queryset} - self.fields["permissions"].widget.kept_back  # type: ignore[attr-defined]
        return ticked | {p for p in self.instance.permissions.all() if p.pk not in shown}

    def _post_clean(self) -> None:
        """The service checks and saves; the row stays as it is until then."""


class GroupBoxes(forms.CheckboxSelectMultiple):
    template_name = "access/groups.html"


class GroupsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
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
            self.fields["groups"].queryset = joinable(self.actor)  # type: ignore[attr-defined]
            if self.instance.pk:
                self.initial["groups"] = list(self.instance.groups.all())

    def _refuse_what_is_not_offered(self) -> None:
        """Groups that are not theirs to give are a matter of rights, however they got into what was sent."""
        sent = {whole_number(number) for number in self.data.getlist("groups")} if self.is_bound else set()  # type: ignore[attr-defined]
        held = set(self.instance.groups.values_list("pk", flat=True)) if self.instance.pk else set()
        new = Group.objects.filter(pk__in=sent).exclude(pk__in=held)
        if new and self.instance.pk == self.actor.pk:
            not_oneself(self.actor, self.instance, _("Nobody changes their own rights."))
        require_joinable(self.actor, list(new))

    def clean_groups(self) -> set[Any]:
        """What was ticked, and the groups that this person may not take anybody out of."""
        ticked = set(self.cleaned_data["groups"])
        if not self.instance.pk:
            return ticked
        offered_ids = set(self.fields["groups"].queryset.values_list("pk", flat=True))  # type: ignore[attr-defined]
        return ticked | {group for group in self.instance.groups.all() if group.pk not in offered_ids}

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
    """The groups that `actor` may put people into."""
    groups = Group.objects.order_by("name")
    if actor.is_superuser:
        return groups
    return groups.exclude(permissions__in=Permission.objects.filter(ACCESS_DESK))


def _same(data: dict[str, Any]) -> str:
    if data.get("password1") and data["password1"] != data["password2"]:
        raise forms.ValidationError(_("The two passwords are not the same."), code="different")
    return str(data["password2"])
