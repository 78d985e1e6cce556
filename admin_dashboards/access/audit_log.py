"""The audit log, to search: who did what to which object, when and why. A page of the access desk, and a file of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import (
    FileResponse,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openpyxl import Workbook

from admin_dashboards.access.audit_lines import CHANGE_LABELS, Line, describe
from admin_dashboards.context import StaffRequest, answering
from admin_dashboards.links import AUDIT_LOG, VIEWS_AUDIT_LOG
from admin_dashboards.saved_filters import filters_of
from admin_dashboards.tables.formats import NeutralCSV, NeutralXLSX
from admin_dashboards.tables.limits import MAX_EXPORTED_ROWS
from admin_dashboards.tables.widgets import Moment
from apps.access import may, note_use, require
from apps.audit.actions import Action
from apps.audit.log import LineKey, LogFilter, lines, read_key
from apps.audit.log_tables import closed_to, log_tables
from apps.audit.models import Entry
from apps.audit.services import record
from apps.errors import Invalid
from apps.infra.ids import searched_number
from apps.users.models import User

EXPORT = "audit.export_entry"
LONGEST_SPAN = timedelta(days=31)
"""In how much time a text is searched for in reasons, which no index helps with, where nothing else narrows it down."""
USUAL_SPAN = timedelta(days=7)
"""The same, where no time is given."""
LONGEST_EXPORT = timedelta(seconds=60)
DESCRIBED_AT_ONCE = 500
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
COLUMNS = (
    "time",
    "actor",
    "action",
    "object_type",
    "object_id",
    "object",
    "user_concerned",
    "details",
    "reason",
    "changes",
    "request_id",
    "address",
)


def may_see(request: StaffRequest) -> bool:
    """Whether the viewer may open the audit log."""
    return bool(request.console.may(VIEWS_AUDIT_LOG))


# --- What is searched for -----------------------------------------------------------------------------------------


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


# --- The page -----------------------------------------------------------------------------------------------------


def audit_page(desk: Any, request: StaffRequest) -> HttpResponse:
    note_use(VIEWS_AUDIT_LOG)
    asked = _asked(request.GET)
    form = FilterForm(asked)
    context: dict[str, Any] = {
        "form": form,
        "filters": list(form),
        "is_filtered": bool(asked),
        "actors": User.objects.staff().active().order_by("username").values_list("username", flat=True)[:500],
        "zone": timezone.get_current_timezone_name(),
        "saved": filters_of(request, AUDIT_LOG),
        "opens_desk": desk.may_open(request),
        "now": timezone.now(),
        "may_export": bool(may(request.user, EXPORT)),
        "export_address": f"{reverse('admin:desk_access_audit_export')}?{asked.urlencode()}",
    }
    if form.is_valid():
        try:
            context |= _page_of(request, form.wanted(request.user), asked)
            context["span_note"] = form.span_note
        except Invalid as error:
            form.add_error("since", str(error))
    response = desk.page(request, "access/audit.html", context, title=_("Audit log"))
    response.status_code = 422 if form.errors else 200
    return response


def _asked(query: QueryDict) -> QueryDict:
    """The filters in an address, without what is empty or no filter."""
    asked = QueryDict(mutable=True)
    for name in FilterForm.base_fields:
        if text := query.get(name, "").strip():
            asked[name] = text
    return asked


def _page_of(request: StaffRequest, wanted: LogFilter, asked: QueryDict) -> dict[str, Any]:
    size = request.user.page_size
    before, after = read_key(request.GET.get("before", "")), read_key(request.GET.get("after", ""))
    if before is None and after is not None:
        found = lines(wanted, size + 1, after=after)
        if len(found) > size:
            return _shown(request, found[1:], asked, later=True, earlier=True)
        # So near to the beginning the first page is whole, and has what came in since.
        before = None
    found = lines(wanted, size + 1, before=before)
    return _shown(request, found[:size], asked, later=before is not None, earlier=len(found) > size)


def _shown(
    request: StaffRequest, keys: list[LineKey], asked: QueryDict, *, later: bool, earlier: bool
) -> dict[str, Any]:
    def at(name: str, key: LineKey) -> str:
        query = asked.copy()
        query[name] = str(key)
        return f"?{query.urlencode()}"

    return {
        "lines": describe(keys, request),
        "later": at("after", keys[0]) if later and keys else "",
        "earlier": at("before", keys[-1]) if earlier else "",
        "first": f"?{asked.urlencode()}" if later else "",
    }


# --- The file -----------------------------------------------------------------------------------------------------


def audit_export(request: StaffRequest) -> HttpResponse:
    """The lines of a filter as CSV or XLSX; that they were exported is recorded before the first one leaves."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user: Any = request.user
    require(user, EXPORT)
    asked = _asked(request.GET)
    form = FilterForm(asked)
    back = HttpResponseRedirect(f"{reverse(AUDIT_LOG)}?{asked.urlencode()}")
    if not form.is_valid():
        return back  # the page says what is wrong
    try:
        keys = lines(form.wanted(user), MAX_EXPORTED_ROWS + 1, longest=LONGEST_EXPORT)
    except Invalid as error:
        messages.error(request, str(error))
        return back
    if len(keys) > MAX_EXPORTED_ROWS:
        said = _("More than %(most)s lines are too many for one file. Narrow the audit log down first.")
        messages.error(request, said % {"most": f"{MAX_EXPORTED_ROWS:,}"})
        return back
    record(user, Action.EXPORTED, table=Entry._meta.label_lower, rows=len(keys), filters=asked.urlencode())
    name = f"audit-log-{timezone.now():%Y-%m-%d}"
    if request.POST.get("format") == "xlsx":
        book = _workbook(request, keys)
        return FileResponse(book, as_attachment=True, filename=f"{name}.xlsx")  # type: ignore[return-value]
    response = StreamingHttpResponse(_csv(request, keys), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response  # type: ignore[return-value]


def _cells(request: StaffRequest, keys: list[LineKey]) -> Iterator[tuple[str, ...]]:
    zone = request.console.zone
    for first in range(0, len(keys), DESCRIBED_AT_ONCE):
        # A file is written when the request has been answered: what it is about and the zone are set anew.
        with answering(request), timezone.override(zone):
            described = describe(keys[first : first + DESCRIBED_AT_ONCE], request)
        for line in described:
            yield _row(line)


def _row(line: Line) -> tuple[str, ...]:
    changes = [f"{change.field}: {change.before or '–'} → {change.after or '–'}" for change in line.changes]
    changes += [f"{name}: {_('not shown')}" for name in line.hidden]
    return (
        _utc(line.at),
        line.actor,
        line.label,
        line.object_type,
        line.object_id,
        line.object,
        line.person,
        line.details,
        line.reason,
        "\n".join(changes),
        line.request_id,
        line.address,
    )


def _utc(time: datetime) -> str:
    return Moment().render(time.astimezone(UTC))


def _csv(request: StaffRequest, keys: list[LineKey]) -> Iterator[str]:
    form, buffer = NeutralCSV(), io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    buffer.write("\ufeff")
    writer.writerow(COLUMNS)
    for number, cells in enumerate(_cells(request, keys), start=1):
        writer.writerow([form.cell(cell) for cell in cells])
        if number % DESCRIBED_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _workbook(request: StaffRequest, keys: list[LineKey]) -> Any:
    form, book = NeutralXLSX(), Workbook(write_only=True)
    sheet = book.create_sheet(_("Audit log"))
    sheet.append(COLUMNS)
    for cells in _cells(request, keys):
        sheet.append([form.cell(cell) for cell in cells])
    file = SpooledTemporaryFile(max_size=4 * 1024 * 1024)  # noqa: SIM115  # the answer closes it
    book.save(file)
    file.seek(0)
    return file
