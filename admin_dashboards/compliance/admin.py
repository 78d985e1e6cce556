"""The tables of the compliance desk: documents to decide, and the people whom they are about."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from admin_dashboards.compliance.details import details_context
from admin_dashboards.compliance.pages import page_addresses, page_count, picture, picture_address
from admin_dashboards.context import StaffRequest, asking, is_ahead, mark_poll, refuse_other_sites
from admin_dashboards.links import link_to
from admin_dashboards.masking import mask_mail
from admin_dashboards.reveals import masked_field
from admin_dashboards.states import account_state, document_state, moment, time_column, verification_state
from admin_dashboards.tables.base import Form
from admin_dashboards.tables.date_filters import DaysFilter
from admin_dashboards.tables.history import MASKS
from admin_dashboards.tables.search import SearchableAdmin
from admin_dashboards.tables.sections import Section, attach, latest_of
from admin_dashboards.tables.users import PersonAdmin
from apps.errors import Conflict, DomainError
from apps.review.claims import claim, release
from apps.users.accounts.access_log import note_document
from apps.users.models import Document, User
from apps.users.verification.duplicates import duplicates, seen_documents
from apps.users.verification.four_eyes import needs_second, rules_asking
from apps.users.verification.review import review_document

NAMED = ("owner", "owner__profile", "decided_by", "claimed_by", "first_approved_by")
"""What a line and a page name."""


class DocumentsSection(Section):
    title = gettext_lazy("Latest documents")
    headers = (gettext_lazy("document"), gettext_lazy("kind"), gettext_lazy("status"), gettext_lazy("submitted"))


class DecisionForm(Form):
    seen_version = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Document
        fields = ("status", "reason", "comment")
        labels = {"comment": gettext_lazy("Admin Comment")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_version"].initial = self.instance.version


@admin.register(Document)
class DocumentAdmin(SearchableAdmin):
    changes: ClassVar[str | None] = "review"

    form = DecisionForm
    list_display = ["number", "state", "of", "kind", "submitted", "bytes", "held_by"]
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
    # Where the file lies is nobody's business here, not even by name.
    history_masks = {**MASKS, "file": lambda name: _("a file")}
    change_form_template = "compliance/document.html"
    readonly_fields = [
        "state", "decided", "kind", "created_at", "file_facts", "details_panel",
        "of", "role", "badge", "since", "company", "category", "earlier",
    ]  # fmt: skip
    facts = [
        (gettext_lazy("Document details"), {"fields": ["details_panel"]}),
        (gettext_lazy("Owner"), {"fields": ["of", "role", "badge", "since", "company", "category", "earlier"]}),
        (gettext_lazy("Document"), {"fields": ["kind", "created_at", "file_facts"]}),
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
        """Whoever cannot decide it now is shown it read-only; a decision sent all the same is answered by why not."""
        if not super().has_change_permission(request, obj):
            return False
        return request.method == "POST" or not isinstance(obj, Document) or self._open_to(request, obj)

    def get_fieldsets(self, request: StaffRequest, obj: Any = None) -> Any:
        deciding = obj is not None and self.has_change_permission(request, obj)
        decision = ["status", "reason", "comment", "seen_version"] if deciding else ["state", "decided", "comment"]
        return [(_("Decision"), {"fields": decision}), *self.facts]

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
        note_document(request.user, obj)
        holder = obj.claim_holder()
        context = {
            "page_addresses": page_addresses(request.user, obj),
            "holder": holder,
            "claimed_by_me": holder is not None and holder.pk == request.user.pk,
            "free": holder is None and self.has_change_permission(request, obj) and self._open_to(request, obj),
            "duplicates": duplicates(request.user, obj),
            "at_table": True,
            "asking": rules_asking(obj) if obj.status == Document.Status.PENDING else [],
            "second_asked": obj.status == Document.Status.PENDING and needs_second(obj),
            "own_document": obj.owner_id == request.user.pk,
            "show_save_and_continue": False,
            "title": str(obj),
            "subtitle": None,
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def save_model(self, request: StaffRequest, obj: Document, form: Any, change: bool) -> None:
        decision = form.cleaned_data
        review_document(
            request.user,
            obj.pk,
            verdict=decision["status"],
            reason=decision["reason"],
            comment=decision["comment"],
            version=decision["seen_version"],
        )

    def response_change(self, request: StaffRequest, obj: Document) -> HttpResponse:
        # What became of it: the form's own copy holds what was asked for.
        obj = Document.objects.select_related("owner").get(pk=obj.pk)
        facts = {"document": obj, "name": obj.owner.username}
        if obj.awaits_second:
            said = (
                _("First approval recorded for %(document)s. A second officer confirms it before %(name)s is verified.")
                % facts
            )
        elif obj.status == Document.Status.APPROVED:
            said = _("%(document)s approved: %(name)s is verified.") % facts
        else:
            said = _("%(document)s of %(name)s rejected.") % facts
        self.message_user(request, said, messages.SUCCESS)
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
            return JsonResponse({"held": False, "sentence": str(error)}, status=409)
        return JsonResponse({"held": True, "until": document.claimed_until})

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

    def _open_to(self, request: StaffRequest, document: Document) -> bool:
        holder = document.claim_holder()
        return (
            document.status == Document.Status.PENDING
            and request.user.pk not in (document.owner_id, document.first_approved_by_id)
            and (holder is None or holder.pk == request.user.pk)
        )

    # --- Columns and facts ------------------------------------------------------------------------------------------

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
    def held_by(self, document: Document) -> str:
        holder = document.claim_holder()
        return holder.username if holder else "–"

    @display(description=gettext_lazy("file"))
    def file_facts(self, document: Document) -> str:
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
            "time": when(document.decided_at),
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
        return when(document.owner.date_joined)

    @display(description=gettext_lazy("company"))
    def company(self, document: Document) -> str:
        return document.owner.profile.company_name or "–"

    @display(description=gettext_lazy("business category"))
    def category(self, document: Document) -> str:
        return document.owner.profile.business_category or "–"

    @display(description=gettext_lazy("other documents"))
    def earlier(self, document: Document) -> str:
        others = (
            seen_documents(_viewer())
            .filter(owner=document.owner_id)
            .exclude(pk=document.pk)
            .order_by("-created_at", "-id")[:10]
        )
        return documents_of(others)


@admin.register(User)
class UserAdmin(PersonAdmin):
    """The end users, for reading."""

    list_display = ["username", "role", "badge", "standing", "masked_mail", "joined"]
    list_filter = [("date_joined", DaysFilter), "role", "identity_verified", "is_active"]
    joined = time_column("date_joined", gettext_lazy("joined"))
    list_sections: ClassVar[list[Any]] = [DocumentsSection]
    ordering = ["-date_joined", "-id"]
    sortable_by = ["joined"]
    search_people = ("pk",)
    search_help_text = gettext_lazy("User name or ID")
    export_fields = ["id", "username", "role", "identity_verified", "is_active", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "role", "badge", "standing", "date_joined", "last_login"]}),
        (gettext_lazy("Profile"), {"fields": ["company", "category", "bio"]}),
        (gettext_lazy("Documents"), {"fields": ["documents"]}),
    ]
    change_form_outer_before_template = "compliance/contact.html"  # outside the form: revealing is one of its own

    def rows(self) -> QuerySet[Any]:
        return super().rows().filter(is_staff=False).select_related("profile")

    def get_search_fields(self, request: StaffRequest) -> list[str]:
        return ["username"]

    def render_change_form(
        self, request: StaffRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        if obj is not None:
            context |= {"mail": masked_field(request, obj, "email"), "phone": masked_field(request, obj, "phone")}
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def sections_for(self, request: StaffRequest) -> list[Any]:
        documents = self.admin_site._registry[Document]
        return super().sections_for(request) if documents.has_view_permission(request) else []

    def attach_sections(self, request: StaffRequest, rows: list[Any]) -> None:
        owners = User.objects.filter(pk__in=[row.pk for row in rows])
        latest = latest_of(owners, seen_documents(request.user), "owner")
        attach(DocumentsSection, rows, {owner: [_document_line(each) for each in of] for owner, of in latest.items()})

    @display(description=gettext_lazy("verified"))
    def badge(self, user: User) -> SafeString:
        return verification_state(user)

    @display(description=gettext_lazy("account"))
    def standing(self, user: User) -> SafeString:
        return account_state(user)

    @display(description=gettext_lazy("email address"))
    def masked_mail(self, user: User) -> str:
        return mask_mail(user.email)

    @display(description=gettext_lazy("company"))
    def company(self, user: User) -> str:
        return user.profile.company_name or "–"

    @display(description=gettext_lazy("business category"))
    def category(self, user: User) -> str:
        return user.profile.business_category or "–"

    @display(description=gettext_lazy("about"))
    def bio(self, user: User) -> str:
        return user.profile.bio or "–"

    @display(description=gettext_lazy("documents"))
    def documents(self, user: User) -> str:
        return documents_of(seen_documents(_viewer()).filter(owner=user).order_by("-created_at", "-id")[:20])


def _document_line(document: Document) -> list[Any]:
    return [
        link_to(document, f"#{document.pk}"),
        document.get_doc_type_display(),
        document_state(document),
        moment(document.created_at),
    ]


def _viewer() -> User:
    return asking().user


def when(moment: datetime) -> str:
    return date_format(localtime(moment), "DATETIME_FORMAT")


def documents_of(documents: Any) -> str:
    lines = (
        (link_to(document, f"#{document.pk} {document.get_doc_type_display()}"), document.get_status_display())
        for document in documents
    )
    return format_html_join(", ", "{} ({})", lines) or "–"
