"""Verification: documents one after the other, each beside the facts about its owner."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.compliance.admin import verified_label
from admin_dashboards.compliance.pages import page_addresses
from admin_dashboards.desk.work import Filter, Row, WorkDesk
from apps.desk.queues import Queue
from apps.errors import Invalid
from apps.users.documents import review_document
from apps.users.models import CLIENT_ROLES, DocType, Document, Reason
from apps.whole_numbers import whole_number


class ComplianceDesk(WorkDesk):
    slug = "compliance"
    title: ClassVar[str | Promise] = gettext_lazy("Verification")
    icon = "verified_user"
    permission = Document.WORK_PERMISSION
    queue = Queue(
        slug="documents",
        model=Document,
        open=Q(status=Document.Status.PENDING),
        arrived="created_at",
        decided="decided_at",
        decider="decided_by",
        order=("created_at", "id"),
    )
    templates = {
        "evidence": "compliance/desk/evidence.html",
        "facts": "compliance/desk/facts.html",
        "decision": "compliance/desk/decision.html",
    }
    filters = (
        Filter("kind", gettext_lazy("Kind"), dict(DocType.choices), "doc_type"),
        Filter("role", gettext_lazy("Role"), {role.value: role.label for role in CLIENT_ROLES}, "owner__role"),
    )

    def narrowed(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return super().narrowed(request, rows).select_related("owner", "owner__profile", "decided_by")

    def title_of(self, item: Document) -> str:
        return _("%(document)s of %(name)s") % {"document": item, "name": item.owner.username}

    def row(self, request: HttpRequest, item: Document) -> Row:
        return Row(
            item, f"#{item.pk} {item.owner.username}", [item.get_doc_type_display(), item.owner.get_role_display()]
        )

    def outcome_of(self, item: Document) -> str:
        return item.get_status_display()

    def item_context(self, request: HttpRequest, item: Document, *, deciding: bool) -> dict[str, Any]:
        return {
            "page_addresses": page_addresses(request.user, item),  # type: ignore[arg-type]
            "badge": verified_label(item.owner),
            "earlier": Document.objects.filter(owner=item.owner_id).exclude(pk=item.pk).newest_first()[:10],
            "reasons": [(str(number), reason) for number, reason in enumerate(Reason, start=1)],
        }

    def decide(self, request: HttpRequest, item: Document) -> None:
        verdict = request.POST.get("verdict", "")
        reason = request.POST.get("reason", "") if verdict == Document.Status.REJECTED else ""
        if verdict == Document.Status.REJECTED and not reason:
            raise Invalid("required", _("Choose why you reject it; the owner reads the text that belongs to it."))
        review_document(
            request.user,  # type: ignore[arg-type]
            item.pk,
            verdict=verdict,
            reason=reason,
            comment=request.POST.get("comment", "").strip(),
            version=whole_number(request.POST.get("version", "")),
        )
