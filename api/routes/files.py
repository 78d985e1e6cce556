"""Pictures and videos at addresses that live a minute, and for a video's further parts longer.

Nothing is served by its path in storage. A bucket gives out pictures itself, at an address of its own; a video goes
through this process, since a player would keep the bucket's address, which could not be revoked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from api.errors import from_domain, not_found
from apps.access import visible
from apps.errors import Absent, Unavailable
from apps.infra.files.uploads import ENDINGS
from apps.infra.media import Address, read_address, requested_part
from apps.stories.models import Story
from apps.users.authentication.sessions import is_signed_in
from apps.users.models import Profile, User

DEFAULT_PICTURE = Path(settings.BASE_DIR) / "fixtures" / "media" / "default.jpg"
MEDIA_TYPES = {ending: media_type for media_type, ending in ENDINGS.items()}


@require_safe
def default_picture(request: HttpRequest) -> HttpResponseBase:
    response = FileResponse(DEFAULT_PICTURE.open("rb"), content_type="image/jpeg")
    response["Cache-Control"] = "public, max-age=86400"
    return response


@require_safe
def media(request: HttpRequest, token: str) -> HttpResponseBase:
    """The file behind a signed address, if the viewer it was made for may still see it."""
    try:
        file = _file_at(token, further="Range" in request.headers)
    except Absent as error:
        return from_domain(request, error)
    name = Path(str(file.name))
    headers = {
        "Content-Type": MEDIA_TYPES[name.suffix.removeprefix(".")],
        "Content-Disposition": f'inline; filename="{name.name}"',
        "Cache-Control": f"private, max-age={settings.SIGNED_ADDRESS_SECONDS}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-site",  # apps of the site show it
    }
    if settings.USE_S3 and not headers["Content-Type"].startswith("video/"):
        bucket: Any = file.storage
        return HttpResponseRedirect(
            bucket.url(
                file.name,
                parameters={
                    "ResponseContentType": headers["Content-Type"],
                    "ResponseContentDisposition": headers["Content-Disposition"],
                },
            ),
            headers={"Cache-Control": "no-store"},
        )
    try:
        return _stream(request, file, headers)
    except FileNotFoundError:
        return not_found()
    except Unavailable as error:
        return from_domain(request, error)


def _file_at(token: str, *, further: bool) -> FieldFile:
    """The file at an address; with `further`, also of a video whose address was made longer ago."""
    try:
        address = read_address(token)
    except Absent:
        if not further:
            raise
        address = read_address(token, seconds=settings.VIDEO_ADDRESS_SECONDS)
        # Without a login there would be no way to end it.
        if address.kind != "story" or address.login is None:
            raise
        file = _story_file(address)
        if file and not MEDIA_TYPES[Path(str(file.name)).suffix.removeprefix(".")].startswith("video/"):
            raise
    else:
        file = _profile_picture(address.row_id) if address.kind == "profile" else _story_file(address)
    if not file:
        raise Absent("not-found", "There is nothing at this address.")
    return file


def _profile_picture(user_id: int) -> FieldFile | None:
    profile = Profile.objects.filter(user_id=user_id, user__is_active=True).first()
    return profile.image if profile else None


def _story_file(address: Address) -> FieldFile | None:
    """Evaluated anew for the viewer of the address: a story, a login or an account may have ended since."""
    viewer = User.objects.active().filter(pk=address.viewer).first()
    if viewer is None or (address.login is not None and not is_signed_in(viewer, address.login)):
        return None
    story = visible(viewer, Story).filter(pk=address.row_id, freed_at__isnull=True).first()
    return story.content_file if story else None


def _stream(request: HttpRequest, file: FieldFile, headers: dict[str, str]) -> HttpResponseBase:
    """The whole file, or the one part that the player asks for."""
    part = requested_part(request.headers.get("Range", ""), file.size)
    if part.status == 416:
        return HttpResponse(status=416, headers=part.headers)
    return StreamingHttpResponse(part.read(file), status=part.status, headers=headers | part.headers)
