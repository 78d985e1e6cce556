"""Tables narrowed down to days, first and last one included, in the time zone of the viewer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.widgets import INPUT_CLASSES

from admin_dashboards.context import StaffRequest
from admin_dashboards.saved_filters import NOT_KEPT

EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)


def read_day(text: str) -> date | None:
    """The day of such a text as 2026-01-31; None for all else, and for days that no table has."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if EARLIEST <= day <= LATEST else None


class DaysForm(forms.Form):
    """The two days, as `<name>_from` and `<name>_to`; either may be left out."""

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        super().__init__(**options)
        for end, label in (("from", gettext_lazy("From")), ("to", gettext_lazy("To"))):
            self.fields[f"{name}_{end}"] = forms.DateField(
                label=label,
                required=False,
                input_formats=["%Y-%m-%d"],
                error_messages={"invalid": gettext_lazy("Enter a day such as 2026-01-31.")},
                widget=forms.DateInput(
                    format="%Y-%m-%d",
                    attrs={"type": "date", "max": LATEST.isoformat(), "class": " ".join(INPUT_CLASSES)},
                ),
            )

    def clean(self) -> dict[str, Any]:
        days = super().clean() or {}
        for field, day in list(days.items()):  # an error takes its field out
            if day is not None and not EARLIEST <= day <= LATEST:
                self.add_error(field, _("Enter a day between 1900 and 2999."))
        first, last = self.days()
        if first and last and first > last:
            self.add_error(f"{self.name}_to", _("The last day is before the first."))
        return days

    def days(self) -> tuple[date | None, date | None]:
        return self.cleaned_data.get(f"{self.name}_from"), self.cleaned_data.get(f"{self.name}_to")


class DaysFilter(RangeDateFilter):
    """Days that cannot be read show no rows and why, so that no action reaches rows that were not meant."""

    template = "admin/days_filter.html"
    form_class = DaysForm

    def _form(self) -> DaysForm:
        sent = {name: self.used_parameters.get(name, "") for name in self.expected_parameters()}
        form = DaysForm(self.parameter_name, data=sent, auto_id="filter_%s")
        form.full_clean()
        return form

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        form, name = self._form(), self.parameter_name
        if form.errors:
            self._show_once(request, form)
            return queryset.none()
        first, last = form.days()
        zone = timezone.get_current_timezone()
        if first:
            queryset = queryset.filter(**{f"{name}__gte": datetime.combine(first, time(), zone)})
        if last:
            after = datetime.combine(last + timedelta(days=1), time(), zone)
            queryset = queryset.filter(**{f"{name}__lt": after})
        return queryset

    def _show_once(self, request: StaffRequest, form: DaysForm) -> None:
        shown = request.console.once("days shown", set[str])
        if self.parameter_name in shown or not hasattr(request, "_messages"):
            return
        shown.add(self.parameter_name)
        for field, errors in form.errors.items():
            for error in errors:
                messages.error(request, f"{capfirst(str(self.title))}, {form.fields[field].label}: {error}")

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        own = {*self.expected_parameters(), *NOT_KEPT}
        kept = [(name, value) for name, values in self.request.GET.lists() if name not in own for value in values]
        yield {
            "form": self._form(),
            "kept": kept,
            "chosen": any(self.used_parameters.get(name) for name in self.expected_parameters()),
            "cleared": changelist.get_query_string(remove=[name for name in self.expected_parameters() if name]),
        }
