"""The picture or film of a story as staff look at it: through a permission, and written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from admin_dashboards.base import ModelAdmin
from apps.audit.models import Verb
from apps.audit.services import record
from apps.stories.models import Story

CHUNK = 64 * 1024
# Players ask for films piece by piece, and some play nothing that cannot be had so.
PIECE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})\Z")


class StoryFilesMixin(ModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_view)
        return [path("<path:object_id>/file/", view, name="stories_story_file"), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **options: Any
    ) -> HttpResponse:
        context["looks"] = look_of(obj) if obj else ""
        return super().render_change_form(request, context, *args, obj=obj, **options)

    def file_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        story = self.get_object(request, unquote(object_id))
        if story.freed_at is not None:
            raise Http404
        start, end = _piece(request, story.content_file.size)
        if start > end:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{story.content_file.size}"})
        if start == 0:
            record(request.user, Verb.VIEWED, story)  # type: ignore[arg-type]
        return _stream(story.content_file, story.media_type, start, end)


def look_of(story: Story) -> SafeString:
    """The picture or film of a story on a page, for those who may see the story."""
    if story.freed_at is not None:
        return format_html("")
    address = reverse("admin:stories_story_file", args=[story.pk])
    if story.media_type.startswith("video/"):
        words = _("The film of the story")
        return format_html(
            '<video src="{}" class="story-look" controls preload="metadata" aria-label="{}"></video>', address, words
        )
    return format_html('<img src="{}" class="story-look" alt="{}">', address, _("The picture of the story"))


def _piece(request: HttpRequest, size: int) -> tuple[int, int]:
    """The first and last byte that are asked for."""
    asked = PIECE.match(request.headers.get("Range", ""))
    if asked is None:
        return 0, size - 1
    first, last = asked.groups()
    return int(first), min(int(last) if last else size - 1, size - 1)


def _stream(file: FieldFile, media_type: str, start: int, end: int) -> StreamingHttpResponse:
    whole = end - start + 1 == file.size
    headers = {
        "Content-Type": media_type,
        "Content-Length": str(end - start + 1),
        "Content-Disposition": "inline",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if not whole:
        headers["Content-Range"] = f"bytes {start}-{end}/{file.size}"
    return StreamingHttpResponse(_chunks(file, start, end - start + 1), status=200 if whole else 206, headers=headers)


def _chunks(file: FieldFile, start: int, length: int) -> Iterator[bytes]:
    with file.open("rb") as source:
        source.seek(start)
        while length > 0 and (chunk := source.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
