"""The moderation desk: cases by priority score, overdue ones first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from admin_dashboards.context import PART, StaffRequest, is_ahead, refuse_other_sites
from admin_dashboards.moderation.author import sections
from admin_dashboards.moderation.case_desk import CaseDesk
from admin_dashboards.moderation.case_page import case_details
from admin_dashboards.moderation.decision_panel import decision_context, posted_edits
from admin_dashboards.moderation.message_preview import (
    in_language_of,
    message_previews,
    parse_days,
    selected_extras,
)
from admin_dashboards.moderation.reported_content import reported_content
from admin_dashboards.moderation.story_files import send_picture
from admin_dashboards.registry import register_desk
from admin_dashboards.review.bulk import BulkAction
from admin_dashboards.review.desk import Row
from admin_dashboards.review.queue_filters import Filter
from admin_dashboards.review.views.item import item_page
from admin_dashboards.states import label
from apps.audit.actions import Action
from apps.audit.services import fetched_ahead, record
from apps.errors import Absent, Conflict, DomainError, Invalid, Refused
from apps.infra.ids import parse_id, searched_number
from apps.moderation.actions.checks import check_outcomes, require_outcomes
from apps.moderation.actions.registry import asked_for, bulk_outcomes, by_severity, label_of, notifies_author
from apps.moderation.cases import resolve_case
from apps.moderation.content import content_of, target_of
from apps.moderation.context import reveal_around
from apps.moderation.decidable import cases_either_way
from apps.moderation.models import Appeal, Case, Report
from apps.moderation.notices import to_author
from apps.moderation.queues import CASES
from apps.review.claims import check_workable
from apps.review.decisions.models import Decision
from apps.users.models import User


@register_desk
class ModerationDesk(CaseDesk):
    slug = "moderation"
    title: ClassVar[str | Promise] = gettext_lazy("Moderation")
    icon = "gavel"
    order = 30
    queue = CASES
    templates = {
        "evidence": "moderation/desk/evidence.html",
        "details": "moderation/desk/details.html",
        "decision": "moderation/desk/decision.html",
        "decided": "moderation/desk/decided.html",
    }
    filters = (Filter("kind", gettext_lazy("Kind"), dict(Report.Kind.choices), "kind"),)
    search_people = ("author",)
    bulk_actions = tuple(
        BulkAction(
            action.code,
            action.bulk_choice,
            template="moderation/desk/bulk_text.html" if action.notifies_author else "",
            key=action.shortcut,
        )
        for action in bulk_outcomes()
    )

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<int:item_id>/preview/", self.view(self.preview), name=f"{self.name}_item_preview"),
            path("<int:item_id>/author/", self.view(self.author), name=f"{self.name}_item_author"),
            path("<int:item_id>/picture/", self.view(self.picture), name=f"{self.name}_item_picture"),
            path("<int:item_id>/reveal/", self.view(self.reveal, posts=True), name=f"{self.name}_item_reveal"),
            *super().get_urls(),
        ]

    # --- The queue --------------------------------------------------------------------------------------------------

    def with_related(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        reasons = Report.objects.filter(case=OuterRef("pk")).order_by("id").values("reason")
        rows = super().with_related(rows).select_related("author__profile", "closed_by")
        return rows.annotate(reasons=ArraySubquery(reasons))

    def found_by(self, term: str) -> Q:
        # Also by the ID of the content, which its table and its address show.
        number = searched_number(term, str(Case._meta.verbose_name))
        return super().found_by(term) | Q(target_id=number) if number else super().found_by(term)

    def row(self, request: StaffRequest, item: Any) -> Row:
        reasons: list[str] = item.reasons
        counted = Counter(str(Report.Reason(reason).label) for reason in reasons)
        reasons_text = ", ".join(f"{reason} ×{n}" if n > 1 else reason for reason, n in counted.most_common())
        weight = _("priority %(weight)d") % {"weight": item.priority_score}
        reports = ngettext("%(n)d report", "%(n)d reports", len(reasons)) % {"n": len(reasons)}
        # The priority score orders the queue; decided cases are in it no more.
        shown = [label("balance", weight), reports, reasons_text] if item.is_open else [reports, reasons_text]
        return Row(item, self.title_of(item), shown)

    def title_of(self, item: Case) -> str:
        return reported_content(item.kind).title(item)

    def recipient_of(self, item: Case) -> User:
        return item.author

    def offered(self, request: StaffRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return cases_either_way(request.user, super().offered(request, rows))

    def sentence_of(self, decision: Decision, item: Case) -> str:
        return f"{label_of(decision.after['outcomes'])}: {self.title_of(item)}"

    def index_context(self, request: StaffRequest) -> dict[str, Any]:
        appeals = Appeal.objects.open().count()
        return {
            "tab_links": [
                {"address": reverse("admin:desk_moderation_appeals"), "title": _("Appeals"), "count": appeals}
            ]
        }

    # --- One case ---------------------------------------------------------------------------------------------------

    def item_context(self, request: StaffRequest, item: Case, *, deciding: bool) -> dict[str, Any]:
        context: dict[str, Any] = {
            "evidence": reported_content(item.kind).evidence(request, item),
            "details": case_details(item),
            "author_address": self.within(request, "item_author", item.pk),
            "reveal_address": self.within(request, "item_reveal", item.pk),
            "current_decision": None if item.is_open else Decision.objects.about(item).in_force().last(),
        }
        return context | decision_context(self, request, item, context["details"]) if deciding else context

    def preview(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """The messages that would be sent if the case were closed as it is filled in now."""
        case = self.one(request, item_id)
        selected = selected_extras(request.GET.getlist("outcome"))
        previews = message_previews(
            request.user, case, selected, request.GET.get("text", "")[:1000], request.GET.get("days", "")
        )
        return TemplateResponse(request, "moderation/desk/preview.html", {"previews": previews})

    def decide(self, request: StaffRequest, item: Case) -> None:
        posted = request.POST
        chosen = posted.getlist("outcome")
        # The button of an outcome that goes with no other decides alone, whatever is selected.
        chosen = [action.code for action in by_severity(chosen) if action.is_exclusive] or chosen
        resolve_case(
            request.user,
            item.pk,
            outcomes=chosen,
            reason=posted.get("reason", ""),
            text=posted.get("text", "").strip() if notifies_author(chosen) else "",
            note=posted.get("note", "").strip()[:1000],
            until=timezone.now() + timedelta(days=parse_days(posted.get("days", ""))),
            edits=posted_edits(item, posted) if asked_for("edits", chosen) else None,
            version=parse_id(posted.get("version", "")),
        )

    def author(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """About the author of a case: a page, or its part that the script of the case page shows."""
        case = self.one(request, item_id)
        context = {
            "author": case.author,
            "details": case_details(case),
            "sections": sections(request, case.author, but=case),
            "case_address": self.within(request, "item", case.pk),
        }
        if PART in request.headers:
            return TemplateResponse(request, "moderation/desk/author.html", context)
        title = _("About %(name)s") % {"name": case.author.username}
        return self.page(request, "moderation/desk/author_page.html", context, title=title)

    def reveal(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """Reveal the reported message and those around it, for a reason."""
        case = self.one(request, item_id)
        if request.method == "POST":
            message = target_of(case.kind, case.target_id) if content_of(case.kind).is_masked else None
            if message is None:
                raise Absent("not-found", _("This case has no masked message to reveal. Reload the page."))
            try:
                reveal_around(request.user, message, reason=request.POST.get("reason", ""))
            except DomainError as error:
                return item_page(self, request, self.one(request, item_id), error)
        return HttpResponseRedirect(self.within(request, "item", item_id))

    def picture(self, request: StaffRequest, item_id: int) -> HttpResponseBase:
        """The profile picture of a reported user, logged as viewed."""
        refuse_other_sites(request)
        case = self.one(request, item_id)
        profile = User.objects.select_related("profile").get(pk=case.author_id).profile
        if not content_of(case.kind).is_account or not profile.image:
            raise Http404
        response = send_picture(profile.image)
        record(request.user, Action.VIEWED, case, page="picture", **fetched_ahead(is_ahead(request)))
        return response

    # --- Many at once -----------------------------------------------------------------------------------------------

    def bulk_preview(self, request: StaffRequest, action: BulkAction, item: Case) -> str:
        user: User = request.user
        target = target_of(item.kind, item.target_id)
        with _of_this_case():
            check_workable(user, item)
            require_outcomes(user, item, check_outcomes(item.kind, [action.code]), target)
        said = to_author(item, target, [action.code], text=request.POST.get("text", "").strip(), done={})
        if not said:
            return _("Content is kept; the reporters are notified.")
        read = {"name": item.author.username, **in_language_of(item.author.language, said[0])}
        if read["language"]:
            return _("Message to %(name)s, %(language)s: %(text)s") % read
        return _("Message to %(name)s: %(text)s") % read

    def bulk_do(self, request: StaffRequest, action: BulkAction, item: Case, batch: UUID) -> str:
        text = request.POST.get("text", "").strip() if notifies_author([action.code]) else ""
        with _of_this_case():
            resolve_case(
                request.user,
                item.pk,
                outcomes=[action.code],
                text=text,
                version=item.version,
                batch=batch,
            )
        return label_of([action.code])


@contextmanager
def _of_this_case() -> Iterator[None]:
    """Turns what one case does not allow into a `Conflict`, which skips that case and is no error of the whole bulk."""
    try:
        yield
    except Invalid as error:
        if error.field != "outcome":
            raise
        raise Conflict(error.code, str(error)) from error
    except Refused as error:
        raise Conflict(error.code, str(error)) from error
