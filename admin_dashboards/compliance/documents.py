"""The table of documents, each decided on its page."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from admin_dashboards.compliance.assets import STYLES
from admin_dashboards.compliance.decision import DecisionForm, decision_context, outcome_sentence
from admin_dashboards.compliance.details import details_context
from admin_dashboards.compliance.lines import documents_of, exact
from admin_dashboards.compliance.pages import page_addresses, page_count, picture, picture_address
from admin_dashboards.context import StaffRequest, asking, is_ahead, mark_poll, refuse_other_sites
from admin_dashboards.links import link_to
from admin_dashboards.states import document_state, time_column, verification_state
from admin_dashboards.tables.date_filters import DaysFilter
from admin_dashboards.tables.history import MASKS
from admin_dashboards.tables.search import SearchableAdmin
from apps.errors import Conflict, DomainError
from apps.review.claims import claim, is_workable, release
from apps.users.accounts.access_log import record_document_view
from apps.users.models import Document
from apps.users.verification.duplicates import viewable_documents

NAMED = ("owner", "owner__profile", "decided_by", "claimed_by", "first_approved_by")
"""What a line and a page name."""


@admin.register(Document)
class DocumentAdmin(SearchableAdmin):
    class Media:
        css = STYLES

    changes: ClassVar[str | None] = "review"

    form = DecisionForm
    list_display = ["number", "state", "of", "kind", "submitted", "bytes", "claimed_by_name"]
    list_display_links = ["number"]
    list_filter = ["status", ("created_at", DaysFilter), "doc_type"]
    ordering = ["-created_at", "-id"]
    sortable_by = ["submitted"]
    submitted = time_column("created_at", gettext_lazy("submitted"))
    # Shown with a rejection alone, and wherever one is chosen, so that nothing is sent unseen.
    conditional_fields: ClassVar[dict[str, str]] = {"reason": "status === 'rejected' || reason"}
    search_people = ("owner",)
    search_help_text = gettext_lazy("Owner or ID")
    export_fields = [
        "id", "owner__username", "doc_type", "status", "reason", "created_at", "decided_at", "decided_by__username",
    ]  # fmt: skip
    # The name of the file in storage is not shown.
    history_masks = {**MASKS, "file": lambda name: _("a file")}
    change_form_template = "compliance/document.html"
    readonly_fields = [
        "state", "decided", "kind", "created_at", "file_details", "details_panel",
        "of", "role", "badge", "since", "company", "category", "earlier",
    ]  # fmt: skip
    details = [
        (gettext_lazy("Document details"), {"fields": ["details_panel"]}),
        (gettext_lazy("Owner"), {"fields": ["of", "role", "badge", "since", "company", "category", "earlier"]}),
        (gettext_lazy("Document"), {"fields": ["kind", "created_at", "file_details"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        def wrap(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        return [
            path("<int:document_id>/page/<int:page>/", wrap(self.page_view), name="users_document_page"),
            path("<int:document_id>/picture/<str:token>/", wrap(self.picture_view), name="users_document_picture"),
            path("<int:document_id>/claim/", wrap(self.claim_view), name="users_document_claim"),
            path("<int:document_id>/release/", wrap(self.release_view), name="users_document_release"),
            *super().get_urls(),
        ]

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related(*NAMED)

    def parts(self) -> dict[tuple[str, str], Q]:
        return {(_("Pending"), "status__exact=pending"): Q(status=Document.Status.PENDING)}

    def has_change_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        """Read-only for viewers who cannot decide it now; the service answers a decision that is sent all the same."""
        if not super().has_change_permission(request, obj):
            return False
        return request.method == "POST" or not isinstance(obj, Document) or is_workable(request.user, obj)

    def get_fieldsets(self, request: StaffRequest, obj: Any = None) -> Any:
        deciding = obj is not None and self.has_change_permission(request, obj)
        decision = ["status", "reason", "comment", "seen_version"] if deciding else ["state", "decided", "comment"]
        return [(_("Decision"), {"fields": decision}), *self.details]

    def formfield_for_dbfield(self, db_field: Any, request: StaffRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "reason":
            field.help_text = _("For rejections only; the owner reads its text.")
        if field is not None and db_field.name == "comment":
            field.widget.attrs["rows"] = 4
        return field

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        record_document_view(request.user, obj)
        holder = obj.claim_holder()
        context = {
            "page_addresses": page_addresses(request.user, obj),
            "holder": holder,
            "claimed_by_me": holder is not None and holder.pk == request.user.pk,
            "free": holder is None and self.has_change_permission(request, obj) and is_workable(request.user, obj),
            "at_table": True,
            "own_document": obj.owner_id == request.user.pk,
            "show_save_and_continue": False,
            "title": str(obj),
            "subtitle": None,
            **decision_context(request.user, obj),
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def save_model(self, request: StaffRequest, obj: Document, form: Any, change: bool) -> None:
        form.decision().carry_out(request.user, obj.pk)

    def response_change(self, request: StaffRequest, obj: Document) -> HttpResponse:
        # As it is now: the form's own copy has what was entered.
        obj = Document.objects.select_related("owner").get(pk=obj.pk)
        self.message_user(request, outcome_sentence(obj), messages.SUCCESS)
        return self.response_post_save_change(request, obj)

    # --- Claims and pages -------------------------------------------------------------------------------------------

    def claim_view(self, request: StaffRequest, document_id: int) -> HttpResponse:
        """The page that is open claims the document, and renews its claim."""
        mark_poll(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._reviewable(request, document_id)
        try:
            document = claim(request.user, Document, document_id)
        except Conflict as error:
            return JsonResponse({"claimed": False, "sentence": str(error)}, status=409)
        return JsonResponse({"claimed": True, "until": document.claimed_until})

    def release_view(self, request: StaffRequest, document_id: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._reviewable(request, document_id)
        try:
            release(request.user, Document, document_id)
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(reverse("admin:users_document_changelist"))

    def page_view(self, request: StaffRequest, document_id: int, page: int) -> HttpResponse:
        """An address for one page: those on a page that stood open have expired."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        document = self.get_object(request, str(document_id))
        if page not in range(page_count(document) + 1):
            raise Http404
        small = bool(request.GET.get("small"))
        return JsonResponse({"address": picture_address(request.user, document, page, small=small)})

    def picture_view(self, request: StaffRequest, document_id: int, token: str) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        refuse_other_sites(request)
        document = self.get_object(request, str(document_id))
        return picture(request.user, document, token, ahead=is_ahead(request))

    def _reviewable(self, request: StaffRequest, document_id: int) -> None:
        if not super().has_change_permission(request, self.get_object(request, str(document_id))):
            raise PermissionDenied

    # --- Columns and fields -----------------------------------------------------------------------------------------

    @display(description=gettext_lazy("document"))
    def number(self, document: Document) -> str:
        return f"#{document.pk}"

    @display(description=gettext_lazy("status"))
    def state(self, document: Document) -> SafeString:
        return document_state(document)

    @display(description=gettext_lazy("owner"))
    def of(self, document: Document) -> str:
        return link_to(document.owner)

    @display(description=gettext_lazy("kind"))
    def kind(self, document: Document) -> str:
        return document.get_doc_type_display()

    @display(description=gettext_lazy("size"))
    def bytes(self, document: Document) -> str:
        return filesizeformat(document.size)

    @display(description=gettext_lazy("claimed by"))
    def claimed_by_name(self, document: Document) -> str:
        holder = document.claim_holder()
        return holder.username if holder else "–"

    @display(description=gettext_lazy("file"))
    def file_details(self, document: Document) -> str:
        return f"{document.media_type}, {filesizeformat(document.size)}"

    @display(description=gettext_lazy("given by the account, and on the document"))
    def details_panel(self, document: Document) -> SafeString:
        context = details_context(asking(), document) | {"at_table": True}
        return render_to_string("compliance/details.html", context, asking())

    @display(description=gettext_lazy("decided"))
    def decided(self, document: Document) -> str:
        if document.decided_at is None:
            return "–"
        said = _("by %(name)s, %(time)s") % {
            "name": document.decided_by.username if document.decided_by else "–",
            "time": exact(document.decided_at),
        }
        return f"{said}, {document.get_reason_display()}" if document.reason else said

    @display(description=gettext_lazy("role"))
    def role(self, document: Document) -> str:
        return document.owner.get_role_display()

    @display(description=gettext_lazy("verified"))
    def badge(self, document: Document) -> SafeString:
        return verification_state(document.owner)

    @display(description=gettext_lazy("joined"))
    def since(self, document: Document) -> str:
        return exact(document.owner.date_joined)

    @display(description=gettext_lazy("company"))
    def company(self, document: Document) -> str:
        return document.owner.profile.company_name or "–"

    @display(description=gettext_lazy("business category"))
    def category(self, document: Document) -> str:
        return document.owner.profile.business_category or "–"

    @display(description=gettext_lazy("other documents"))
    def earlier(self, document: Document) -> str:
        others = (
            viewable_documents(asking().user)
            .filter(owner=document.owner_id)
            .exclude(pk=document.pk)
            .order_by("-created_at", "-id")[:10]
        )
        return documents_of(others)
