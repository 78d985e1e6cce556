"""The tables of the moderation desk: stories, events and messages. Reports have a module of their own."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from admin_dashboards.context import StaffRequest
from admin_dashboards.links import link_to
from admin_dashboards.moderation import reports  # noqa: F401  # registers its table
from admin_dashboards.moderation.assets import SCRIPTS, STYLES
from admin_dashboards.moderation.event_import import EventRows
from admin_dashboards.moderation.filters import RemovedFilter, StoryStateFilter, WhenFilter
from admin_dashboards.moderation.inline_edit import TextMixin
from admin_dashboards.moderation.removal import RemovableAdmin
from admin_dashboards.moderation.story_files import StoryFilesMixin, thumbnail
from admin_dashboards.reveals import masked_field
from admin_dashboards.states import event_state, label, message_state, story_state, time_column
from admin_dashboards.tables.date_filters import DaysFilter
from admin_dashboards.tables.search import SearchableAdmin
from apps.chat.models import Membership, Message, Room
from apps.chat.services import remove_message, restore_message
from apps.events.models import Event
from apps.events.services import edit_event, remove_event, restore_event
from apps.stories.models import Story
from apps.stories.services import remove_story, restore_story


@admin.register(Story)
class StoryAdmin(StoryFilesMixin, RemovableAdmin, SearchableAdmin):
    class Media:
        css, js = STYLES, SCRIPTS

    remove = staticmethod(remove_story)
    restore = staticmethod(restore_story)

    list_display = ["thumbnail", "__str__", "state", "by", "audience", "created"]
    list_display_links = ["__str__"]
    list_filter = [StoryStateFilter, ("created_at", DaysFilter)]
    sortable_by = ["created"]
    created = time_column("created_at", _("created at"))
    ordering = ["-created_at", "-id"]
    search_people = ("author",)
    search_help_text = _("Author or ID")
    change_form_template = "moderation/story.html"
    change_form_outer_before_template = None
    fieldsets = [
        (None, {"fields": ["by", "caption", "audience", "state", "created_at", "expires_at"]}),
        (_("File"), {"fields": ["media_type", "size", "freed_at", "held", "deleted_at"]}),
    ]
    export_fields = [
        "id", "author__username", "caption", "audience", "media_type", "created_at", "expires_at", "removed_at",
        "removed_by__username", "removal_reason",
    ]  # fmt: skip

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related("author", "removed_by")

    @display(description=_("image"))
    def thumbnail(self, story: Story) -> SafeString:
        return thumbnail(story)

    @display(description=_("author"))
    def by(self, story: Story) -> str:
        return link_to(story.author)

    @display(description=_("state"))
    def state(self, story: Story) -> SafeString:
        shown = story_state(story)
        return format_html("{} {}", shown, label("lock", _("Evidence hold"), "wait")) if story.held else shown


@admin.register(Event)
class EventAdmin(TextMixin, RemovableAdmin, SearchableAdmin):
    class Media:
        css, js = STYLES, ("admin_dashboards/in_place.js",)

    remove = staticmethod(remove_event)
    restore = staticmethod(restore_event)
    changes: ClassVar[str | None] = "change"

    list_display = ["title", "text", "state", "by", "begins", "location"]
    list_filter = [WhenFilter, "status", RemovedFilter, ("date", DaysFilter)]
    sortable_by = ["begins"]
    begins = time_column("date", _("begins"))
    ordering = ["-date", "-id"]
    search_people = ("host",)
    search_help_text = _("Title, host or ID")
    fields = ["title", "description", "by", "state", "date", "ends_at", "location", "capacity", "created_at"]
    readonly_fields = ["by", "state", "date", "ends_at", "location", "capacity", "created_at"]
    export_fields = [
        "id", "title", "description", "date", "ends_at", "location", "capacity", "status", "host__username",
        "created_at", "removed_at", "removed_by__username", "removal_reason",
    ]  # fmt: skip
    import_resource = EventRows

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related("host", "removed_by")

    def found_by(self, term: str) -> Q:
        titled = Event.objects.filter(title__icontains=term).order_by("-date", "-id").values_list("pk", flat=True)
        return super().found_by(term) | Q(pk__in=list(titled[: self.most_titles]))

    most_titles = 1000

    def changelist_view(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"tab_list": [_tabs(request)], **(extra_context or {})})

    def save_model(self, request: StaffRequest, obj: Event, form: Any, change: bool) -> None:
        edit_event(request.user, obj.pk, **{name: form.cleaned_data[name] for name in form.changed_data})

    @display(description=_("host"))
    def by(self, event: Event) -> str:
        return link_to(event.host)

    @display(description=_("state"))
    def state(self, event: Event) -> SafeString:
        return event_state(event)


def _tabs(request: StaffRequest) -> dict[str, Any]:
    """All, Past, Ongoing, Upcoming; each keeps the search and the other filters."""
    choices = [("", _("All")), ("past", _("Past")), ("ongoing", _("Ongoing")), ("upcoming", _("Upcoming"))]
    now = request.GET.get("when", "")
    items = []
    for when, title in choices:
        query = request.GET.copy()
        query.pop("p", None)
        query.pop("when", None)
        if when:
            query["when"] = when
        items.append({"title": title, "link": f"?{query.urlencode()}", "active": when == now, "has_permission": True})
    return {"models": [Event._meta.label_lower], "items": items}


@admin.register(Message)
class MessageAdmin(RemovableAdmin, SearchableAdmin):
    class Media:
        css = STYLES

    remove = staticmethod(remove_message)
    restore = staticmethod(restore_message)

    list_display = ["__str__", "state", "by", "room", "masked_text", "sent"]
    list_filter = [RemovedFilter, ("sent_at", DaysFilter)]
    sortable_by = ["sent"]
    sent = time_column("sent_at", _("sent"))
    ordering = ["-sent_at", "-id"]
    search_people = ("sender",)
    search_help_text = _("Sender, room or ID")
    fields = ["by", "people", "room", "seq", "state", "sent_at"]
    change_form_outer_before_template = "moderation/message.html"  # outside the form: revealing is one of its own
    export_fields = ["id", "room__name", "seq", "sender__username", "sent_at", "removed_at", "removal_reason"]

    def rows(self) -> QuerySet[Any]:
        # The text stays in the database, so that no page can show it by mistake.
        return super().rows().select_related("sender", "room", "removed_by").defer("text")

    def found_by(self, term: str) -> Q:
        return super().found_by(term) | Q(room__in=list(_rooms_named(term)))

    @display(description=_("sender"))
    def by(self, message: Message) -> str:
        return link_to(message.sender)

    @display(description=_("in the room"))
    def people(self, message: Message) -> str:
        names = Membership.objects.filter(room=message.room_id).values_list("user__username", flat=True)
        return ", ".join(names.order_by("user__username")[:20])

    @display(description=_("text"))
    def masked_text(self, message: Message) -> str:
        return "•••"

    def render_change_form(
        self, request: StaffRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        context["said"] = masked_field(request, obj, "text") if obj else ""
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description=_("state"))
    def state(self, message: Message) -> SafeString:
        return message_state(message)


def _rooms_named(term: str) -> QuerySet[Any]:
    return Room.objects.filter(name=term).values_list("pk", flat=True)
