"""Appeals: what authors say against decisions, each ruled on by another moderator than the decider."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.context import StaffRequest
from admin_dashboards.moderation.case_desk import CaseDesk
from admin_dashboards.moderation.case_page import case_details
from admin_dashboards.moderation.message_preview import in_language_of
from admin_dashboards.moderation.reported_content import reported_content
from admin_dashboards.registry import register_desk
from admin_dashboards.review.desk import Row
from apps.errors import Invalid
from apps.infra.ids import parse_id
from apps.moderation.actions.keep import Keep
from apps.moderation.actions.registry import label_of
from apps.moderation.appeals import rule_on_appeal
from apps.moderation.content import target_of
from apps.moderation.models import Appeal, Case, Report
from apps.moderation.notices import ruling_to_author, to_reporter
from apps.moderation.queues import APPEALS
from apps.review.decisions.models import Decision
from apps.users.models import User


@register_desk
class AppealDesk(CaseDesk):
    slug = "moderation/appeals"
    title: ClassVar[str | Promise] = gettext_lazy("Appeals")
    icon = "balance"
    order = 20
    in_menu = False
    queue = APPEALS
    templates = {
        "evidence": "moderation/desk/appeal_evidence.html",
        "details": "moderation/desk/appeal_details.html",
        "decision": "moderation/desk/ruling.html",
        "decided": "moderation/desk/decided.html",
    }

    search_people = ("author", "decider")

    def with_related(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        rows = super().with_related(rows)
        return rows.select_related("author__profile", "case__author__profile", "decision", "decider", "ruled_by")

    def row(self, request: StaffRequest, item: Appeal) -> Row:
        return Row(item, self.title_of(item), [label_of(item.decision.after["outcomes"]), item.decider.username])

    def title_of(self, item: Appeal) -> str:
        return _("Appeal of %(name)s about %(kind)s %(number)d") % {
            "name": item.author.username,
            "kind": item.case.get_kind_display().lower(),
            "number": item.case.target_id,
        }

    def recipient_of(self, item: Appeal) -> User:
        return item.author

    def case_of(self, item: Appeal) -> Case:
        return item.case

    # --- One appeal -------------------------------------------------------------------------------------------------

    def item_context(self, request: StaffRequest, item: Appeal, *, deciding: bool) -> dict[str, Any]:
        rulings = Decision.objects.about(item).in_force()
        return {
            "case": item.case,
            "author_address": reverse("admin:desk_moderation_item_author", args=[item.case_id]),
            "evidence": reported_content(item.case.kind).evidence(request, item.case),
            "details": case_details(item.case),
            "outcomes": label_of(item.decision.after["outcomes"]),
            "rule": dict(Report.Reason.choices).get(item.decision.reason, ""),
            "previews": self._previews(item) if deciding else [],
            "current_decision": None if item.is_open else rulings.filter(verb="appeal.upheld").first(),
        }

    def _previews(self, item: Appeal) -> list[dict[str, Any]]:
        """The message to the author for either ruling, and to the reporters where the decision is overturned."""
        target = target_of(item.case.kind, item.case.target_id)
        undone = to_reporter(Keep.code)
        reporters = item.case.reports.values_list("reporter__language", flat=True)
        return [
            {
                "title": title,
                "author": in_language_of(item.author.language, ruling_to_author(item.case, target, status)),
                "reporters": [in_language_of(each, undone) for each in sorted(set(reporters))] if to_reporters else [],
            }
            for title, status, to_reporters in (
                (_("Uphold"), Appeal.Status.UPHELD, False),
                (_("Overturn"), Appeal.Status.OVERTURNED, True),
            )
        ]

    def decide(self, request: StaffRequest, item: Appeal) -> None:
        ruling = request.POST.get("ruling", "")
        if ruling not in ("uphold", "overturn"):
            raise Invalid("required", _("Choose Uphold or Overturn."), field="ruling")
        rule_on_appeal(
            request.user,
            item.pk,
            overturn=ruling == "overturn",
            text=request.POST.get("text", ""),
            version=parse_id(request.POST.get("version", "")),
        )
