"""The table of reports, each with the reported content and the decision about it."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from admin_dashboards.context import StaffRequest
from admin_dashboards.links import link_to
from admin_dashboards.moderation.assets import SCRIPTS, STYLES
from admin_dashboards.moderation.reported_content import reported_content
from admin_dashboards.states import label, moment, time_column
from admin_dashboards.tables.date_filters import DaysFilter
from admin_dashboards.tables.forms import Form
from admin_dashboards.tables.search import SearchableAdmin
from admin_dashboards.tables.sections import MOST, Section, attach, latest_of
from apps.moderation.actions.checks import possible_outcomes
from apps.moderation.actions.registry import label_of
from apps.moderation.models import Case, Report
from apps.moderation.reporting import resolve_report

OUTCOME_LABELS: dict[str, tuple[str, str]] = {
    "kept": ("visibility", "good"),
    "removed": ("visibility_off", "bad"),
    "edited": ("edit", "neutral"),
    "warned": ("warning", "wait"),
    "suspended": ("pause_circle", "bad"),
}
"""The icon and colour of an outcome: those of the same state in other tables."""


class SameCaseSection(Section):
    title = gettext_lazy("Other reports in the same case")
    headers = (gettext_lazy("report"), gettext_lazy("reason"), gettext_lazy("reporter"), gettext_lazy("reported"))


class SettleForm(Form):
    """The decision about a report."""

    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), widget=UnfoldAdminRadioSelectWidget)
    comment = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=gettext_lazy("Optional. Staff read it in the history."),
    )
    outcomes: ClassVar[list[tuple[str, Any]]] = []

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if isinstance(outcome := self.fields.get("outcome"), forms.ChoiceField):
            outcome.choices = self.outcomes

    def validate_constraints(self) -> None:
        """The service resolves the report, all its columns together."""


@admin.register(Report)
class ReportAdmin(SearchableAdmin):
    class Media:
        css, js = STYLES, SCRIPTS

    changes: ClassVar[str | None] = "settle"

    form = SettleForm
    list_display = ["number", "state", "content_link", "reason", "about", "by", "reported"]
    list_filter = ["status", ("created_at", DaysFilter), "kind", "reason"]
    sortable_by = ["reported"]
    list_sections: ClassVar[list[Any]] = [SameCaseSection]
    reported = time_column("created_at", gettext_lazy("reported"))
    ordering = ["-created_at", "-id"]
    search_people = ("author", "reporter")
    search_help_text = gettext_lazy("Reported user, reporter or ID")
    change_form_template = "moderation/report.html"
    readonly_fields = ["content_link", "about", "by", "reason", "note", "created_at", "state"]
    export_fields = [
        "id", "kind", "target_id", "reason", "status", "outcome", "author__username", "reporter__username",
        "created_at", "closed_at", "closed_by__username",
    ]  # fmt: skip

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related("author", "reporter", "closed_by", "case")

    def attach_sections(self, request: StaffRequest, rows: list[Any]) -> None:
        cases = Case.objects.filter(pk__in={row.case_id for row in rows})
        latest = latest_of(cases, self.get_queryset(request), "case", MOST + 1)
        found = {
            row.pk: [
                [
                    link_to(each, f"#{each.pk}"),
                    each.get_reason_display(),
                    link_to(each.reporter),
                    moment(each.created_at),
                ]
                for each in latest.get(row.case_id, [])
                if each.pk != row.pk
            ][:MOST]
            for row in rows
        }
        attach(SameCaseSection, rows, found)

    def get_fieldsets(self, request: StaffRequest, obj: Report | None = None) -> list[Any]:
        report_fields = ["content_link", "about", "reason", "note", "by", "created_at", "state"]
        decided = ["outcome_word", "closer", "closed_at"]
        decision = ["outcome", "comment"] if self._is_to_resolve(request, obj) else decided
        shown = obj is not None and (decision != decided or obj.status == Report.Status.CLOSED)
        return [(None, {"fields": report_fields})] + ([(_("Decision"), {"fields": decision})] if shown else [])

    def get_readonly_fields(self, request: StaffRequest, obj: Report | None = None) -> list[str]:
        return [*self.readonly_fields, "outcome_word", "closer", "closed_at"]

    def get_form(
        self, request: StaffRequest, obj: Report | None = None, change: bool = False, **kwargs: Any
    ) -> type[Any]:
        form = super().get_form(request, obj, change=change, **kwargs)
        # One that comes too late is answered by the service, which says why.
        sent = request.method == "POST"
        possible = possible_outcomes(request.user, obj, gone=False if sent else None) if obj else []
        choices = [(action.code, action.label) for action in possible]
        return type(form.__name__, (form,), {"outcomes": choices})

    def render_change_form(
        self, request: StaffRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> Any:
        context["show_save"] = self._is_to_resolve(request, obj)
        context["show_save_and_continue"] = False
        context["content"] = reported_content(obj.kind).summary(obj) if obj else ""
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def save_model(self, request: StaffRequest, obj: Report, form: Any, change: bool) -> None:
        resolve_report(
            request.user,
            obj.pk,
            outcome=form.cleaned_data["outcome"],
            reason=form.cleaned_data["comment"],
        )

    def _is_to_resolve(self, request: StaffRequest, report: Report | None) -> bool:
        """Whether the form asks for a decision. The service answers one that comes too late."""
        if report is None or not self.has_change_permission(request, report):
            return False
        return report.status == Report.Status.OPEN or request.method == "POST"

    @display(description=gettext_lazy("report"))
    def number(self, report: Report) -> str:
        return f"#{report.pk}"

    @display(description=gettext_lazy("state"))
    def state(self, report: Report) -> SafeString:
        if report.closed_at is None:
            return label("flag", _("Open"), "wait")
        icon, tone = OUTCOME_LABELS.get(report.outcome or "", ("task_alt", "neutral"))
        return label(icon, self.outcome_word(report), tone)

    @display(description=gettext_lazy("outcome"))
    def outcome_word(self, report: Report) -> str:
        return label_of([report.outcome]) if report.outcome else ""

    @display(description=gettext_lazy("closed by"))
    def closer(self, report: Report) -> str:
        return link_to(report.closed_by)

    @display(description=gettext_lazy("content"))
    def content_link(self, report: Report) -> str:
        return reported_content(report.kind).link(report)

    @display(description=gettext_lazy("reported user"))
    def about(self, report: Report) -> str:
        return link_to(report.author)

    @display(description=gettext_lazy("reporter"))
    def by(self, report: Report) -> str:
        return link_to(report.reporter)
