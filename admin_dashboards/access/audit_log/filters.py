"""The filters of the audit log, as they stand in the address of its page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import (
    QueryDict,
)
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.access.audit_log.lines import CHANGE_LABELS
from apps.audit.actions import Action
from apps.audit.log import LogFilter
from apps.audit.log_tables import closed_to, log_tables
from apps.infra.ids import searched_number
from apps.users.models import User

LONGEST_SPAN = timedelta(days=31)
"""In how much time a text is searched for in reasons, which no index helps with, where nothing else narrows it down."""
USUAL_SPAN = timedelta(days=7)
"""The same, where no time is given."""


ACTIONS = (
    (gettext_lazy("Changes"), tuple(CHANGE_LABELS)),
    (
        gettext_lazy("Views"),
        (Action.VIEWED, Action.REVEALED, Action.IMPERSONATED, Action.EXPORTED, Action.IMPORTED),
    ),
    (gettext_lazy("Permissions"), (Action.GRANTED, Action.REVOKED, Action.REFUSED, Action.ALERTED)),
    (
        gettext_lazy("Queues"),
        (Action.CLAIMED, Action.RELEASED, Action.ESCALATED, Action.DETAILS_RECORDED),
    ),
    (
        gettext_lazy("Sign-in"),
        (
            Action.SIGNED_IN,
            Action.SIGN_IN_FAILED,
            Action.SIGNED_OUT,
            Action.SESSION_ENDED,
            Action.PASSWORD_SET,
            Action.MFA_ENABLED,
            Action.MFA_DISABLED,
            Action.MFA_RESET,
        ),
    ),
)


class TimeField(forms.CharField):
    """A time, read in the zone of the user."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            time = parse_datetime(text)
            if time is None or not 1900 <= time.year < 3000:
                raise ValueError
        except ValueError:
            raise ValidationError(_("Enter a time such as 2026-01-31 14:05.")) from None
        return time if time.tzinfo else timezone.make_aware(time)


class UserField(forms.CharField):
    """A user by name, or by a number such as #157, as deleted accounts are called. The value is the number."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        if (user := User.objects.named(text).only("pk").first()) is not None:
            return user.pk
        if not text[:1].isdecimal() and (number := searched_number(text)):
            return number
        raise ValidationError(_("No user has this name. Check the spelling."))


class FilterForm(forms.Form):
    """The filters, as they stand in the address."""

    actor = UserField(label=gettext_lazy("Actor"), required=False, max_length=150)
    action = forms.ChoiceField(label=gettext_lazy("Action"), required=False)
    type = forms.ChoiceField(label=gettext_lazy("Object type"), required=False)
    id = forms.CharField(label=gettext_lazy("Object ID"), required=False, max_length=30)
    user = UserField(label=gettext_lazy("User concerned"), required=False, max_length=150)
    since = TimeField(label=gettext_lazy("From"), required=False, max_length=40)
    until = TimeField(label=gettext_lazy("To"), required=False, max_length=40)
    reason = forms.CharField(label=gettext_lazy("Text in the reason"), required=False, max_length=100)
    request = forms.CharField(label=gettext_lazy("Request id"), required=False, max_length=64)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        fields: dict[str, Any] = self.fields
        fields["action"].choices = [("", _("All")), *action_choices()]
        fields["type"].choices = [("", _("All")), *type_choices()]
        for name in ("action", "type"):
            self.fields[name].error_messages["invalid_choice"] = _("Choose one of the list.")

    def clean_id(self) -> int | None:
        text = self.cleaned_data["id"]
        if not text:
            return None
        number = searched_number(text)
        if not number:
            raise ValidationError(_("Enter a number such as 157."))
        return number

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("id") and not data.get("type") and "type" not in self.errors:
            self.add_error("type", _("Choose the type of the object with this number."))
        since, until = data.get("since"), data.get("until")
        if since and until and since >= until:
            self.add_error("until", _("This is not after the time in “From”."))
        elif data.get("reason") and not self._is_narrow(data):
            data["since"] = since or (until or timezone.now()) - USUAL_SPAN
            if (until or timezone.now()) - data["since"] > LONGEST_SPAN:
                self.add_error(
                    "reason",
                    _("Over all objects and actors, reasons are searched for at most %(days)d days. Narrow it down.")
                    % {"days": LONGEST_SPAN.days},
                )
        return data

    @staticmethod
    def _is_narrow(data: dict[str, Any]) -> bool:
        return any(data.get(name) for name in ("actor", "user", "id", "request"))

    @property
    def span_note(self) -> str:
        """What is said where less time is searched than was asked for."""
        data = self.cleaned_data
        if not data.get("reason") or self["since"].value() or self._is_narrow(data):
            return ""
        return _("Reasons are searched for in %(days)d days. Set “From” for another time.") % {"days": USUAL_SPAN.days}

    def wanted(self, viewer: Any) -> LogFilter:
        data = self.cleaned_data
        return LogFilter(
            actor=data["actor"],
            action=data["action"],
            target_type=data["type"],
            target_id=data["id"],
            person=data["user"],
            since=data["since"],
            until=data["until"],
            request_id=data["request"],
            reason=data["reason"],
            closed=closed_to(viewer),
        )


def action_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    labels = {**CHANGE_LABELS, **dict(Action.choices)}
    return [(str(title), [(str(code), capfirst(str(labels[code]))) for code in codes]) for title, codes in ACTIONS]


def type_choices() -> list[tuple[str, str]]:
    """All that has a history or a table: one of each, whatever proxies there are."""
    models = {source.tracked for source in log_tables() if source.is_history}
    models |= {model._meta.concrete_model for model in admin.site._registry}  # type: ignore[misc]
    return sorted(((each._meta.label_lower, capfirst(str(each._meta.verbose_name))) for each in models), key=_by_name)


def _by_name(choice: tuple[str, str]) -> str:
    return choice[1].casefold()


def filters_in(query: QueryDict) -> QueryDict:
    """The filters in an address, without what is empty or no filter."""
    asked = QueryDict(mutable=True)
    for name in FilterForm.base_fields:
        if text := query.get(name, "").strip():
            asked[name] = text
    return asked
