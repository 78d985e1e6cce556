"""The verification desk: the queue of documents, each with the details of its owner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.compliance.assets import MEDIA
from admin_dashboards.compliance.decision import APPROVED, REJECTED, DocumentDecision, decision_context
from admin_dashboards.compliance.details import details_context, same_number_sentence, save_details
from admin_dashboards.compliance.pages import FACE, page_address, renewable_addresses
from admin_dashboards.compliance.quality import check_page, numbered_reasons, quality_page
from admin_dashboards.compliance.settings import RulesSetting, ShareSetting
from admin_dashboards.context import StaffRequest, is_ahead
from admin_dashboards.languages import in_language
from admin_dashboards.links import link_to
from admin_dashboards.registry import register_desk
from admin_dashboards.review.bulk import BulkAction
from admin_dashboards.review.desk import Row, WorkDesk
from admin_dashboards.review.queue_filters import Filter
from admin_dashboards.review.settings import GoalSetting
from admin_dashboards.review.views.item import item_page
from admin_dashboards.states import verification_state
from admin_dashboards.tables.search import MOST_PEOPLE, SHORTEST_PART
from apps.errors import DomainError, Invalid
from apps.privacy.retention import end_of
from apps.review.claims import check_workable
from apps.review.decisions.models import Decision
from apps.users.accounts.access_log import record_document_view
from apps.users.models import CLIENT_ROLES, DocType, Document, Profile, Reason, User
from apps.users.verification.details import compare_details
from apps.users.verification.duplicates import duplicates, viewable_documents
from apps.users.verification.four_eyes import ask_second, needs_second
from apps.users.verification.matching import Matches, matches_of
from apps.users.verification.messages import MessagePreview, message_preview
from apps.users.verification.queue import DOCUMENTS

SENTENCES = {
    "held": gettext_lazy("First approval recorded for %(document)s. Waiting for a second officer."),
    "second_asked": gettext_lazy("Second approval requested for %(document)s."),
    "revoked": gettext_lazy("Approval revoked: %(document)s"),
}
"""What the bar at the top says of decisions other than approvals and rejections."""
LONGEST_PREVIEW = 2000
MATCHES = "matches of documents"
"""The key of what `bulk_prepare` keeps for the previews."""


@register_desk
class ComplianceDesk(WorkDesk):
    slug = "compliance"
    title: ClassVar[str | Promise] = gettext_lazy("Verification")
    icon = "verified_user"
    permission = Document.WORK_PERMISSION
    order = 10
    media = WorkDesk.media + MEDIA
    queue = DOCUMENTS
    templates = {
        "evidence": "compliance/desk/evidence.html",
        "details": "compliance/desk/details.html",
        "decision": "compliance/desk/decision.html",
        "decided": "compliance/desk/decided.html",
    }
    filters = (
        Filter("kind", gettext_lazy("Kind"), dict(DocType.choices), "doc_type"),
        Filter("role", gettext_lazy("Role"), {role.value: role.label for role in CLIENT_ROLES}, "owner__role"),
    )
    search_people = ("owner",)
    bulk_actions = (
        BulkAction("approve", gettext_lazy("Approve"), key="a"),
        BulkAction("reject", gettext_lazy("Reject"), "compliance/desk/bulk_reject.html", key="r"),
    )
    settings = (RulesSetting(), ShareSetting(), GoalSetting())

    def get_urls(self) -> list[URLPattern]:
        own = {
            "details": self.details_view,
            "preview": self.message_preview,
            "second": self.second_view,
            "override": self.override_view,
        }
        check = self.view(partial(check_page, self), posts=True)
        return [
            *(
                path(f"<int:item_id>/{name}/", self.view(view, posts=True), name=f"{self.name}_item_{name}")
                for name, view in own.items()
            ),
            path("quality/", self.view(partial(quality_page, self)), name=f"{self.name}_quality"),
            path("quality/<int:check_id>/", check, name=f"{self.name}_check"),
            *super().get_urls(),
        ]

    # --- The queue ----------------------------------------------------------------------------------------------------

    def with_related(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        people = ("owner", "owner__profile", "decided_by", "first_approved_by", "details__typed_by")
        return super().with_related(rows).select_related(*people)

    def title_of(self, item: Document) -> str:
        return _("%(document)s of %(name)s") % {"document": item, "name": item.owner.username}

    def row(self, request: StaffRequest, item: Document) -> Row:
        details = [item.get_doc_type_display(), item.owner.get_role_display()]
        if item.awaits_second:
            details.append(_("first approval by %(name)s") % {"name": item.first_approved_by})
        elif item.needs_second and item.status == Document.Status.PENDING:
            details.append(_("needs two approvals"))
        return Row(item, f"#{item.pk} {item.owner.username}", details)

    def recipient_of(self, item: Document) -> User:
        return item.owner

    def sentence_of(self, decision: Decision, item: Document) -> str:
        said = SENTENCES.get(decision.verb.split(".")[1], "")
        return said % {"document": self.title_of(item)} if said else super().sentence_of(decision, item)

    def found_by(self, term: str) -> Q:
        companies = Profile.objects.filter(company_name__icontains=term).values_list("user_id", flat=True)
        by_company = Q(owner__in=list(companies[:MOST_PEOPLE])) if len(term) >= SHORTEST_PART else Q(pk__in=[])
        return super().found_by(term) | by_company

    def note_shown(self, request: StaffRequest, item: Document) -> None:
        """The page shows the name, birth date and number on the document."""
        record_document_view(request.user, item, ahead=is_ahead(request))

    # --- One document -------------------------------------------------------------------------------------------------

    def item_context(self, request: StaffRequest, item: Document, *, deciding: bool) -> dict[str, Any]:
        viewer: User = request.user
        others = viewable_documents(viewer).filter(owner=item.owner_id).exclude(pk=item.pk)
        earlier = list(others.order_by("-created_at", "-id")[:8])
        shared = decision_context(viewer, item)
        return {
            "page_addresses": renewable_addresses(viewer, item) if item.purged_at is None else [],
            "end": end_of(item),
            "badge": verification_state(item.owner),
            "owner_link": link_to(item.owner),
            "earlier": earlier,
            "compared": self._compared(request, item, earlier, [one.document for one in shared["duplicates"].shown]),
            "second_address": self.within(request, "item_second", item.pk),
            "preview_address": self.at("item_preview", item.pk),
            "message_language": in_language(item.owner.language),
            **shared,
            **details_context(request, item),
            "details_address": self.within(request, "item_details", item.pk) if deciding else "",
            "override_address": self.within(request, "item_override", item.pk),
            "reasons": numbered_reasons(),
            "message": self._message(request, item),
        }

    def _compared(
        self, request: StaffRequest, item: Document, earlier: list[Document], others: list[Document]
    ) -> list[tuple[str, str, str]]:
        """What a document is compared with: name, the address that gives its picture's, and its page at the desk."""
        compared = []
        if item.owner.profile.image:
            compared.append((_("Profile picture"), page_address(item, FACE), ""))
        for other in (*earlier, *others):
            name = f"#{other.pk} {other.get_doc_type_display()}, {other.get_status_display()}"
            compared.append((name, page_address(other, 1), self.within(request, "item", other.pk)))
        return compared

    def decide(self, request: StaffRequest, item: Document) -> None:
        DocumentDecision.posted(request.POST).carry_out(request.user, item.pk)

    # --- Beside the decision ------------------------------------------------------------------------------------------

    def details_view(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """Save what is on the document, and show how it compares with the account."""
        item = self.one(request, item_id)
        if request.method == "POST":
            try:
                save_details(request, item)
            except DomainError as error:
                return item_page(self, request, self.one(request, item_id), error)
        return HttpResponseRedirect(self.within(request, "item", item_id))

    def message_preview(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """The message to the owner as it would be sent, for what is chosen and typed now."""
        item, posted = self.one(request, item_id), request.POST
        if posted.get("reason", "") not in ("", *Reason.values):
            raise Invalid("unknown", _("There is no such reason. Reload the page."), field="reason")
        context = {"item": item, "message": self._message(request, item)}
        return TemplateResponse(request, "compliance/desk/message_preview.html", context)

    def _message(self, request: StaffRequest, item: Document) -> MessagePreview:
        """The message of a decision that changes the status, with the reason and text that were posted."""
        posted = request.POST
        reason = posted.get("reason", "") if posted.get("reason") in Reason.values else ""
        verdict = "revoked" if item.status == APPROVED else REJECTED if reason else APPROVED
        return message_preview(
            item,
            verdict,
            reason="" if verdict == APPROVED else reason,
            comment=posted.get("comment", "")[:LONGEST_PREVIEW],
        )

    def second_view(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """Request a second approval."""
        item = self.one(request, item_id)
        if request.method == "POST":
            try:
                ask_second(request.user, item_id, reason=request.POST.get("reason", ""))
            except DomainError as error:
                return item_page(self, request, item, error)
        return HttpResponseRedirect(self.within(request, "item", item_id))

    def override_view(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """Override a decision."""
        self.one(request, item_id)
        if request.method == "POST":
            try:
                decision = DocumentDecision.posted(request.POST)
                decision.override(request.user, item_id, why=request.POST.get("why", ""))
            except DomainError as error:
                return item_page(self, request, self.one(request, item_id), error)
        return HttpResponseRedirect(self.within(request, "item", item_id))

    def index_context(self, request: StaffRequest) -> dict[str, Any]:
        return {"extra_template": "compliance/desk/quality_panel.html"}

    # --- Many at once -------------------------------------------------------------------------------------------------

    def bulk_prepare(self, request: StaffRequest, action: BulkAction, items: Sequence[Document]) -> None:
        if action.code == "approve":
            request.console.kept[MATCHES] = matches_of(request.user, items)

    def bulk_preview(self, request: StaffRequest, action: BulkAction, item: Document) -> str:
        check_workable(request.user, item)
        if action.code == "reject":
            return _("will be rejected; its owner is notified after 10 seconds.")
        if not item.awaits_second and needs_second(item):
            said = _("gets its first approval and waits for a second officer.")
        else:
            said = _("will be approved; its owner is verified, and notified after 10 seconds.")
        found = duplicates(request.user, item)
        warnings = []
        if found.shown or found.hidden:
            warnings.append(_("Possible duplicate of a document of another account."))
        known: dict[int, Matches] = request.console.kept.get(MATCHES, {})
        details = compare_details(request.user, item, known.get(item.pk))
        warnings += [f"{outcome.text}." for outcome in details.outcomes if outcome.reason == Reason.EXPIRED]
        return " ".join(filter(None, [said, *warnings, same_number_sentence(details.matches)]))

    def bulk_context(self, request: StaffRequest) -> dict[str, Any]:
        return {"bulk_reasons": list(Reason)}

    def bulk_do(self, request: StaffRequest, action: BulkAction, item: Document, batch: UUID) -> str:
        verdict = {"approve": APPROVED, "reject": REJECTED}[action.code]
        sent = request.POST.dict() | {"verdict": verdict}
        document = DocumentDecision.posted(sent, version=item.version).carry_out(request.user, item.pk, batch=batch)
        if document.awaits_second:
            return _("first approval recorded; a second officer confirms it.")
        return _("approved.") if document.status == APPROVED else _("rejected.")
