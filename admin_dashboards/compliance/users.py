"""The table of app users, read-only."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from admin_dashboards.compliance.lines import document_line, documents_of
from admin_dashboards.context import StaffRequest, asking
from admin_dashboards.masking import mask_mail
from admin_dashboards.reveals import masked_field
from admin_dashboards.states import account_state, time_column, verification_state
from admin_dashboards.tables.date_filters import DaysFilter
from admin_dashboards.tables.sections import Section, attach, latest_of
from admin_dashboards.tables.users import PersonAdmin
from apps.users.models import Document, User
from apps.users.verification.duplicates import viewable_documents


class DocumentsSection(Section):
    title = gettext_lazy("Latest documents")
    headers = (gettext_lazy("document"), gettext_lazy("kind"), gettext_lazy("status"), gettext_lazy("submitted"))


@admin.register(User)
class UserAdmin(PersonAdmin):
    """The end users, for reading."""

    list_display = ["username", "role", "badge", "account", "masked_mail", "joined"]
    list_filter = [("date_joined", DaysFilter), "role", "identity_verified", "is_active"]
    joined = time_column("date_joined", gettext_lazy("joined"))
    list_sections: ClassVar[list[Any]] = [DocumentsSection]
    ordering = ["-date_joined", "-id"]
    sortable_by = ["joined"]
    search_people = ("pk",)
    search_help_text = gettext_lazy("User name or ID")
    export_fields = ["id", "username", "role", "identity_verified", "is_active", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "role", "badge", "account", "date_joined", "last_login"]}),
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
        latest = latest_of(owners, viewable_documents(request.user), "owner")
        attach(DocumentsSection, rows, {owner: [document_line(each) for each in of] for owner, of in latest.items()})

    @display(description=gettext_lazy("verified"))
    def badge(self, user: User) -> SafeString:
        return verification_state(user)

    @display(description=gettext_lazy("account"))
    def account(self, user: User) -> SafeString:
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
        return documents_of(viewable_documents(asking().user).filter(owner=user).order_by("-created_at", "-id")[:20])
