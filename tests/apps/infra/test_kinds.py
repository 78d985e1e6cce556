"""Files that are not taken: their sender learns what they are, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from apps.errors import WrongKind
from apps.infra.files import uploads
from tests.client import api
from tests.drawn import mp4, pdf, picture, upload, video, webm, webm_of
from tests.people import alice

TAKES = [uploads.take_picture, uploads.take_document, uploads.take_story]
JPEG = "Save or export it as JPEG or PNG."
IPHONE = "Settings > Camera > Formats > Most Compatible"
DNG = b"II*\0\x08\0\0\0\2\0\0\1\4\0\1\0\0\0\1\0\0\0\x12\xc6\1\0\4\0\0\0\1\4\0\0" + bytes(40)


def said(take: Any, content: bytes) -> str:
    with pytest.raises(WrongKind) as refused:
        take(upload(content, name="holiday.jpg"))
    assert refused.value.code == "wrong-kind-of-file"
    return str(refused.value)


def brand(major: bytes, *others: bytes) -> bytes:
    box = major + bytes(4) + b"".join(others)
    return (len(box) + 8).to_bytes(4) + b"ftyp" + box + mp4()[24:]


@pytest.mark.parametrize("take", TAKES)
@pytest.mark.parametrize(
    ("content", "name", "way_out"),
    [
        (brand(b"heic", b"mif1", b"heic"), "HEIC", IPHONE),
        (brand(b"mif1", b"mif1", b"heic"), "HEIC", IPHONE),
        (brand(b"heix", b"mif1", b"isom"), "HEIC", IPHONE),
        (brand(b"avif", b"mif1", b"miaf"), "AVIF", JPEG),
        (brand(b"mif1", b"mif1", b"avif"), "AVIF", JPEG),
        (picture("AVIF"), "AVIF", JPEG),
        (picture("GIF"), "GIF", JPEG),
        (picture("BMP"), "BMP", JPEG),
        (picture("TIFF"), "TIFF", JPEG),
        (DNG, "DNG", "switch off RAW"),
        (b"\xff\x0a" + bytes(50), "JPEG XL", JPEG),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL", JPEG),
        (picture("JPEG2000"), "JPEG 2000", JPEG),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", JPEG),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "SVG", JPEG),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_image_formats_are_rejected_with_advice(take: Any, content: bytes, name: str, way_out: str) -> None:
    sentence = said(take, content)
    assert name in sentence
    assert way_out in sentence
    assert "Send one of these: PNG, JPG, WEBP" in sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (brand(b"M4A ", b"isom", b"mp42"), "This is a sound recording."),
        (brand(b"M4B ", b"isom", b"mp42"), "This is a sound recording."),
        (brand(b"M4P ", b"isom"), "This is a sound recording."),
        (brand(b"F4A ", b"isom"), "This is a sound recording."),
        (video(b"soun"), "This is a sound recording."),
        (video(b"soun", brand=b"mp42", last=False), "This is a sound recording."),
        (webm_of(2), "This is a sound recording."),
        (webm_of(2, segment=b"\xc0"), "This is a sound recording."),
        (b"ID3\4" + bytes(50), "This is a sound recording."),
        (b"RIFF\0\0\0\0WAVE" + bytes(50), "This is a sound recording."),
        (brand(b"3gp4", b"isom", b"mp42"), "This is a 3GP recording. Share or export it as MP4."),
        (brand(b"3g2a", b"isom"), "This is a 3GP recording. Share or export it as MP4."),
        (brand(b"qt  ", b"qt  "), "This is QuickTime. Share it as MP4."),
        (brand(b"qt  ", b"isom", b"mp42"), "This is QuickTime. Share it as MP4."),
        (b"\0\0\0\x08wide\0\0\0\x10mdat" + bytes(50), "This is QuickTime. Share it as MP4."),
        (webm(b"matroska"), "This is a Matroska video (MKV). Share or export it as MP4."),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(50), "This is a video of another format. Share or export it as MP4."),
        (pdf(), "This is a PDF file. Send a picture of the page."),
        (b"PK\3\4" + bytes(50), "This is an Office document or an archive. Send one of these"),
        (b"nothing that is known", "Send one of these"),
    ],
)
def test_relatives_of_videos_are_none(content: bytes, sentence: str) -> None:
    assert said(uploads.take_story, content).startswith(sentence)


@pytest.mark.parametrize(
    "content",
    [video(b"vide"), video(b"soun", b"vide", brand=b"mp42"), video(b"vide", b"soun", brand=b"M4V ", last=False)],
)
def test_a_video_with_a_picture_is_taken(content: bytes) -> None:
    assert uploads.take_story(upload(content)).media_type == "video/mp4"


@pytest.mark.parametrize("tracks", [(1,), (2, 1)])
def test_a_webm_with_a_picture_is_taken(tracks: tuple[int, ...]) -> None:
    assert uploads.take_story(upload(webm_of(*tracks))).media_type == "video/webm"


@pytest.mark.parametrize(
    ("major", "others"),
    [
        (b"isoa", b""), (b"isob", b""), (b"isoc", b""), (b"av01", b""), (b"avc3", b""), (b"mp71", b"mp41"),
        (b"msdh", b"dash"), (b"piff", b"iso2"), (b"cmff", b"iso6"), (b"NDSC", b"mp42"), (b"odd ", b"isom"),
    ],
)  # fmt: skip
def test_a_video_of_a_lesser_known_brand_of_mp4_is_taken(major: bytes, others: bytes) -> None:
    assert uploads.take_story(upload(video(b"soun", b"vide", brand=major, others=others))).media_type == "video/mp4"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (video(b"soun", brand=b"alac"), "This is a sound recording. Send one of these"),
        (video(b"soun", brand=b"alac", others=b"alac"), "This is a sound recording. Send one of these"),
        (video(b"soun", brand=b"m4a ", last=False), "This is a sound recording. Send one of these"),
        (video(b"vide", brand=b"odd ", others=b"odd "), "This is a video of another format. Share"),
        (video(brand=b"odd "), "Send one of these"),
        (video(brand=b"jp2 ", others=b"jp2 "), "This is a JPEG 2000 picture. Save"),
        (video(brand=b"jpm ", others=b"jp2 "), "This is a JPEG 2000 picture. Save"),
    ],
)
def test_a_brand_that_is_not_known_is_judged_by_its_tracks(content: bytes, sentence: str) -> None:
    assert said(uploads.take_story, content).startswith(sentence)


def test_boxes_within_boxes_are_gone_into_no_deeper_than_tracks_lie() -> None:
    nested = b""
    for _level in range(1500):
        nested = (len(nested) + 8).to_bytes(4) + b"moov" + nested
    assert uploads.take_story(upload(mp4()[:24] + nested)).media_type == "video/mp4"


def test_video_advice_is_absent_where_videos_are_not_accepted() -> None:
    assert said(uploads.take_document, video(b"vide")) == "This is a video. Send one of these: PNG, JPG, WEBP, PDF."
    sentence = said(uploads.take_document, brand(b"qt  "))
    assert sentence == "This is QuickTime. Send one of these: PNG, JPG, WEBP, PDF."
    assert said(uploads.take_document, b"PK\3\4" + bytes(50)).startswith(
        "This is an Office document or an archive. Print or export it to PDF."
    )


@pytest.mark.django_db
def test_the_api_says_it(settings: Any) -> None:
    answer = api(alice()).upload("/stories", content_file=upload(brand(b"M4A ", b"isom", b"mp42"), "clip.mp4"))
    assert answer.status_code == 415
    assert answer.json()["detail"].startswith("This is a sound recording.")
