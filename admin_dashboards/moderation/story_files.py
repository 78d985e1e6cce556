"""The image or video of a story as staff view it: by permission, and logged."""

from __future__ import annotations

from datetime import timedelta
from mimetypes import guess_type
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest, asking, is_ahead, refuse_other_sites
from admin_dashboards.tables.base import ModelAdmin
from apps.audit.actions import Action
from apps.audit.services import fetched_ahead, record, was_viewed
from apps.infra.files.rendering import Unrenderable, media_type_of
from apps.infra.files.renditions import rendition
from apps.infra.media import Part, requested_part
from apps.stories.models import Story

SMALL_SIDE = 160
"""In pixels; tables show 40, on fine screens with two or three to each."""
PRIVATE = {
    "Content-Disposition": "inline",
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
ONE_VIEW = timedelta(minutes=10)


class StoryFilesMixin(ModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_view)
        return [path("<int:object_id>/file/", view, name="stories_story_file"), *super().get_urls()]

    def render_change_form(
        self, request: StaffRequest, context: dict[str, Any], *args: Any, obj: Any = None, **options: Any
    ) -> HttpResponse:
        context["shown"] = media_of(obj) if obj else ""
        return super().render_change_form(request, context, *args, obj=obj, **options)

    def file_view(self, request: StaffRequest, object_id: int) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        refuse_other_sites(request)
        story = self.get_object(request, str(object_id))
        if story.freed_at is not None:
            raise Http404
        ahead = fetched_ahead(is_ahead(request))
        is_video = story.media_type.startswith("video/")
        if "small" in request.GET and not is_video:
            record(request.user, Action.VIEWED, story, **ahead)
            return _small(story)
        # Images come whole: a piece of one would show most of it.
        asked = request.headers.get("Range", "") if is_video else ""
        part = requested_part(asked, _size(story.content_file))
        if part.status == 416:
            return HttpResponse(status=416, headers=part.headers)
        # A video is fetched in many pieces: its first one is logged, and the first after a while.
        if part.start == 0 or not was_viewed(request.user, story, since=timezone.now() - ONE_VIEW):
            record(request.user, Action.VIEWED, story, **ahead)
        return _stream(story.content_file, story.media_type, part)


def media_of(story: Story) -> SafeString:
    """The image or video of a story on a page, veiled, for viewers who may see the story."""
    if story.freed_at is not None:
        return SafeString()
    address = reverse("admin:stories_story_file", args=[story.pk])
    if story.media_type.startswith("video/"):
        text = _("Video of the story")
        return veiled(
            format_html(
                '<video src="{}" class="story-media" controls preload="metadata" aria-label="{}"></video>',
                address,
                text,
            )
        )
    return veiled(format_html('<img src="{}" class="story-media" alt="{}">', address, _("Image of the story")))


def veiled(media: SafeString) -> SafeString:
    """An image or video, blurred and grey as the viewer prefers, until it is hovered, focused, or v is pressed."""
    veils = _veils()
    if not veils:
        return format_html("<div>{}</div>", media)
    if asking().console.shortcuts["on"]:
        hint = _("Point at it, focus it or hold v to see it clearly.")
    else:
        hint = _("Point at it or focus it to see it clearly.")
    return format_html(
        '<div class="veil {}" tabindex="0" role="group" aria-label="{}" data-veil>{}'
        '<p class="veil-hint" aria-hidden="true"><span>{}</span></p></div>',
        veils,
        hint,
        media,
        hint,
    )


def thumbnail(story: Story) -> SafeString:
    """The thumbnail of a story in a table, clear while it is hovered or v is pressed; of a video only an icon.

    The browser requests it once the line comes into view, which is logged as any other view.
    """
    if story.freed_at is not None:
        return SafeString()
    if story.media_type.startswith("video/"):
        return format_html(
            '<span class="story-thumb material-symbols-outlined" role="img" aria-label="{}">movie</span>', _("Video")
        )
    return format_html(
        '<span class="veil story-thumb {}"><img src="{}" alt="{}" width="40" height="40" loading="lazy" '
        'decoding="async"></span>',
        _veils(),
        f"{reverse('admin:stories_story_file', args=[story.pk])}?small",
        _("Image"),
    )


def _veils() -> str:
    """The CSS classes of the veil that the viewer prefers."""
    preference = asking().console.preference
    veils = {"is-blurred": preference.blur_pictures, "is-grey": preference.grey_pictures}
    return " ".join(name for name, on in veils.items() if on)


def send_picture(file: FieldFile) -> StreamingHttpResponse:
    """An image of a user, whole."""
    media_type = guess_type(str(file.name))[0] or "application/octet-stream"
    return _stream(file, media_type, requested_part("", _size(file)))


def _small(story: Story) -> HttpResponseBase:
    """The thumbnail: rendered once, and kept as long as the file itself."""
    try:
        drawn = rendition(story.content_file, story.media_type, max_side=SMALL_SIDE)
    except (Unrenderable, OSError, ValueError):
        raise Http404 from None
    return HttpResponse(drawn, content_type=media_type_of(drawn), headers=PRIVATE)


def _size(file: FieldFile) -> int:
    """In bytes. Raises `Http404` where storage has no such file."""
    try:
        return int(file.size)
    except (OSError, ValueError):
        raise Http404 from None


def _stream(file: FieldFile, media_type: str, part: Part) -> StreamingHttpResponse:
    """One part of a file. Raises `Http404` where storage has no such file."""
    try:
        content = part.read(file)
    except FileNotFoundError:
        raise Http404 from None
    headers = {"Content-Type": media_type} | part.headers | PRIVATE
    return StreamingHttpResponse(content, status=part.status, headers=headers)
