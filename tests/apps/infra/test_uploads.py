"""What strangers may send in, known by its content, and the addresses under which it goes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from PIL import Image

from apps.errors import Absent, Invalid, TooLarge, WrongKind
from apps.infra import media
from apps.infra.files import uploads
from tests.drawn import bomb, moving, mp4, pdf, picture, png, upload, webm
from tests.refusals import rejected_upload

type Take = Callable[..., uploads.Taken]
TAKES: list[Take] = [uploads.take_picture, uploads.take_document, uploads.take_story]


# --- By content, whatever the name says -----------------------------------------------------------------------------


@pytest.mark.parametrize("take", TAKES)
@pytest.mark.parametrize(
    ("kind", "media_type", "ending"),
    [("PNG", "image/png", "png"), ("JPEG", "image/jpeg", "jpg"), ("WEBP", "image/webp", "webp")],
)
def test_pictures_are_known_by_content(take: Take, kind: str, media_type: str, ending: str) -> None:
    taken = take(upload(picture(kind), name="../../evil.html", media_type="text/html"))
    assert taken.media_type == media_type
    assert re.fullmatch(rf"[0-9a-f]{{32}}\.{ending}", str(taken.file.name))
    content = taken.file.read()
    assert Image.open(BytesIO(content)).format == kind
    assert taken.size == len(content)
    assert len(taken.sha256) == 64


def test_documents_may_be_pdf_and_stay_as_they_are() -> None:
    content = pdf()
    taken = uploads.take_document(upload(content, name="x.exe"))
    assert taken.media_type == "application/pdf"
    assert str(taken.file.name).endswith(".pdf")
    assert taken.file.read() == content
    assert taken.size == len(content)


@pytest.mark.parametrize(
    ("content", "media_type"), [(mp4(), "video/mp4"), (mp4(b"mp42"), "video/mp4"), (webm(), "video/webm")]
)
def test_stories_may_be_videos(content: bytes, media_type: str) -> None:
    taken = uploads.take_story(upload(content))
    assert taken.media_type == media_type
    assert taken.file.read() == content


@pytest.mark.parametrize(
    "content",
    [
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        picture("ICO"),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"MZ\x90\x00" + bytes(100),
        b"\x7fELF" + bytes(100),
        b"PK\x03\x04" + bytes(100),
        b"#!/bin/sh\nrm -rf /\n",
        b"text %PDF-1.4 not at its beginning",
        b"GIF89a%PDF-1.4",
        mp4(b"heic"),
        mp4(b"avif"),
        mp4(b"qt  "),
        webm(b"matroska"),
        b"RIFF\x00\x00\x00\x00WAVE" + bytes(50),
        b"x",
        b"\x00" * 1000,
    ],
)
@pytest.mark.parametrize("take", TAKES)
def test_other_kinds_are_refused(take: Take, content: bytes) -> None:
    rejected_upload(take, content, WrongKind, "wrong-kind-of-file")


@pytest.mark.parametrize(
    ("take", "content"),
    [
        (uploads.take_picture, pdf()),
        (uploads.take_picture, mp4()),
        (uploads.take_document, mp4()),
        (uploads.take_document, webm()),
        (uploads.take_story, pdf()),
    ],
)
def test_file_kinds_of_other_uploads_are_rejected(take: Take, content: bytes) -> None:
    rejected_upload(take, content, WrongKind, "wrong-kind-of-file")


@pytest.mark.parametrize("take", TAKES)
def test_an_empty_file_is_invalid(take: Take) -> None:
    rejected_upload(take, b"", Invalid, "empty")


# --- Sizes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("take", TAKES)
def test_pictures_over_ten_mebibytes_are_too_large(take: Take) -> None:
    assert "10 MiB" in str(rejected_upload(take, png() + bytes(10 * uploads.MIB), TooLarge, "too-large"))


def test_videos_may_have_fifty_mebibytes() -> None:
    assert uploads.take_story(upload(mp4(size=50 * uploads.MIB))).size == 50 * uploads.MIB
    assert "50 MiB" in str(rejected_upload(uploads.take_story, mp4(size=50 * uploads.MIB + 1), TooLarge, "too-large"))


def test_a_picture_at_the_limit_is_taken() -> None:
    content = picture("JPEG")
    taken = uploads.take_picture(upload(content + bytes(10 * uploads.MIB - len(content))))
    assert taken.size < 10_000


# --- Hostile pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("take", TAKES)
def test_a_decompression_bomb_is_refused_before_it_unpacks(take: Take) -> None:
    rejected_upload(take, bomb(), Invalid, "too-many-pixels")


@pytest.mark.parametrize(
    "content",
    [
        png()[:60],
        picture("JPEG", (400, 400))[:300],
        picture("WEBP")[:40],
        b"\x89PNG\r\n\x1a\n" + b"garbage" * 100,
        b"\xff\xd8\xff\xe0" + b"garbage" * 100,
        b"RIFF\xff\xff\xff\xffWEBP" + b"garbage" * 100,
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_a_broken_picture_is_invalid(content: bytes) -> None:
    rejected_upload(uploads.take_picture, content, Invalid, "broken-file")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_moving_pictures_are_refused(kind: str) -> None:
    rejected_upload(uploads.take_picture, moving(kind), Invalid, "animated")


def test_images_keep_nothing_but_their_pixels() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    hostile = picture("JPEG", exif=exif, comment=b"a secret comment", icc_profile=b"profile of mine")
    hostile += b"<script>alert(1)</script>PK\x03\x04"
    content = uploads.take_picture(upload(hostile)).file.read()
    for secret in (b"taken at home", b"a secret comment", b"profile of mine", b"script", b"PK\x03\x04", b"Exif"):
        assert secret in hostile
        assert secret not in content


def test_text_in_a_png_does_not_survive() -> None:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text("Author", "a user at home")
    hostile = picture(pnginfo=notes)
    assert b"a user" in hostile
    assert b"a user" not in uploads.take_picture(upload(hostile)).file.read()


def test_a_picture_that_lies_on_its_side_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    taken = uploads.take_picture(upload(picture("JPEG", (40, 30), exif=exif)))
    assert Image.open(taken.file).size == (30, 40)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pictures_of_every_mode_are_taken(mode: str) -> None:
    taken = uploads.take_picture(upload(picture("PNG", mode=mode)))
    assert Image.open(taken.file).mode in ("RGB", "RGBA")


def test_a_picture_for_print_is_taken() -> None:
    assert Image.open(uploads.take_picture(upload(picture("JPEG", mode="CMYK"))).file).mode == "RGB"


# --- Addresses ------------------------------------------------------------------------------------------------------


def token(**options: Any) -> str:
    return media.signed_address("story", 7, **options).removeprefix("/media/")


def test_an_address_leads_back_to_its_row_and_viewer() -> None:
    assert media.read_address(token()) == ("story", 7, None, None)
    assert media.read_address(token(viewer=3)) == ("story", 7, 3, None)
    assert media.read_address(token(viewer=3, login=5)) == ("story", 7, 3, 5)


def test_an_address_lives_a_minute() -> None:
    address = token()
    with time_machine.travel(timezone.now() + timedelta(seconds=55)):
        media.read_address(address)
    with time_machine.travel(timezone.now() + timedelta(seconds=62)), pytest.raises(Absent):
        media.read_address(address)


@pytest.mark.parametrize("forged", ["", "nonsense", "story.7.0.0", "story.8.0.0:{rest}", "{whole}x"])
def test_a_forged_address_leads_nowhere(forged: str) -> None:
    whole = token()
    with pytest.raises(Absent):
        media.read_address(forged.format(whole=whole, rest=whole.split(":", 1)[1]))
