"""The tables of the support desk, read-only."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from admin_dashboards.links import link_to
from admin_dashboards.masking import mask_mail, mask_phone
from admin_dashboards.states import connection_state, label, time_column, verification_state
from admin_dashboards.tables.date_filters import DaysFilter
from admin_dashboards.tables.search import SearchableAdmin
from admin_dashboards.tables.users import PersonAdmin
from apps.connections.models import Connection
from apps.notifications.models import Notification
from apps.users.models import Profile


@admin.register(Connection)
class ConnectionAdmin(SearchableAdmin):
    list_display = ["__str__", "state", "sent_by", "sent_to", "sent", "answered"]
    list_filter = ["status", ("created_at", DaysFilter)]
    sortable_by = ["sent"]
    sent = time_column("created_at", _("sent"))
    answered = time_column("responded_at", _("answered"))
    ordering = ["-created_at", "-id"]
    search_people = ("sender", "receiver")
    search_help_text = _("Sender, receiver or ID")
    fields = ["sent_by", "sent_to", "state", "created_at", "responded_at"]
    export_fields = ["id", "sender__username", "receiver__username", "status", "created_at", "responded_at"]

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related("sender__profile", "receiver__profile")

    @display(description=_("sender"))
    def sent_by(self, connection: Connection) -> str:
        return link_to(connection.sender)

    @display(description=_("receiver"))
    def sent_to(self, connection: Connection) -> str:
        return link_to(connection.receiver)

    @display(description=_("state"))
    def state(self, connection: Connection) -> SafeString:
        return connection_state(connection)


class SignedUpFilter(DaysFilter):
    """By an index of accounts; profiles have none of when they were changed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.title = _("signed up")


@admin.register(Profile)
class ProfileAdmin(PersonAdmin):
    list_display = ["__str__", "role", "badge", "company_name", "mail", "phone", "updated"]
    list_filter = ["user__role", "user__identity_verified", ("user__date_joined", SignedUpFilter)]
    updated = time_column("updated_at", _("updated"))
    sortable_by: ClassVar[Any] = []
    ordering = ["-id"]
    search_people = ("user",)
    search_help_text = _("User name or ID")
    fields = [
        "person", "role", "badge", "mail", "phone", "bio", "links", "company_name", "business_category", "theme",
        "joined", "updated_at",
    ]  # fmt: skip
    export_fields = [
        "id",
        "user__username",
        "user__role",
        "user__identity_verified",
        "company_name",
        "business_category",
    ]

    def rows(self) -> QuerySet[Any]:
        return super().rows().filter(user__is_staff=False).select_related("user")

    @display(description=_("user"))
    def person(self, profile: Profile) -> str:
        return link_to(profile.user)

    @display(description=_("role"))
    def role(self, profile: Profile) -> str:
        return profile.user.get_role_display()

    @display(description=_("verified"))
    def badge(self, profile: Profile) -> SafeString:
        return verification_state(profile.user)

    @display(description=_("email address"))
    def mail(self, profile: Profile) -> str:
        return mask_mail(profile.user.email)

    @display(description=_("phone"))
    def phone(self, profile: Profile) -> str:
        return mask_phone(profile.user.phone)

    @display(description=_("social links"))
    def links(self, profile: Profile) -> SafeString:
        # As text: addresses that users enter are not links.
        return format_html_join("\n", "{}: {}<br>", profile.social_links.items())

    @display(description=_("signed up"))
    def joined(self, profile: Profile) -> str:
        return date_format(localtime(profile.user.date_joined), "DATETIME_FORMAT")


@admin.register(Notification)
class NotificationAdmin(SearchableAdmin):
    list_display = ["__str__", "recipient_name", "kind", "state", "created", "read"]
    list_filter = ["is_read", ("created_at", DaysFilter), "kind"]
    sortable_by = ["created"]
    created = time_column("created_at", _("created"))
    read = time_column("read_at", _("read"))
    ordering = ["-created_at", "-id"]
    search_people = ("recipient",)
    search_help_text = _("Recipient or ID")
    fields = ["recipient_name", "kind", "text", "target_kind", "target_id", "state", "created_at", "read_at"]
    export_fields = ["id", "recipient__username", "kind", "text", "is_read", "created_at", "read_at"]

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related("recipient__profile")

    @display(description=_("recipient"))
    def recipient_name(self, notification: Notification) -> str:
        return link_to(notification.recipient)

    @display(description=_("state"))
    def state(self, notification: Notification) -> SafeString:
        return label("drafts", _("Read")) if notification.is_read else label("mail", _("Unread"), "wait")
