"""What a file is by its content, where it is nothing that we take: so that its sender learns what to do instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

HEAD = 64 * 1024
"""So many bytes of the beginning say what a file is."""
MOST_BOXES = 2000
"""So many parts of a video are searched for its tracks."""

# Where the handlers of an MP4's tracks lie, from the outermost box inwards.
TRACK_PATH = (b"moov", b"trak", b"mdia")
# Major brands of MP4 that browsers play. The file says by this one what it is; the compatible ones are many's.
MP4_BRANDS = {
    *(b"iso%c" % digit for digit in b"m23456789abc"), b"mp41", b"mp42", b"mp71", b"avc1", b"avc3", b"av01", b"dash",
    b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"XAVC", b"f4v ", b"F4V ", b"mmp4", b"cmfc", b"cmf2", b"cmfs", b"CAEP",
    b"dby1", b"hvc1", b"hev1",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file that is not taken."""

    name: str | Promise
    """As it follows “This is”."""
    way_out: str | Promise
    becomes: str
    """The kind of media that the way out leads to: image, video, or application for PDF."""


_AS_JPEG = _("Save or export it as JPEG or PNG.")
_AS_MP4 = _("Share or export it as MP4.")
_AS_PDF = _("Print or export it to PDF.")
_ON_IPHONE = _(
    "Share it as JPEG; on an iPhone, Settings > Camera > Formats > Most Compatible makes every new picture one."
)

HEIC = Foreign(_("a HEIC picture"), _ON_IPHONE, "image")
AVIF = Foreign(_("an AVIF picture"), _AS_JPEG, "image")
JPEG_2000 = Foreign(_("a JPEG 2000 picture"), _AS_JPEG, "image")
RAW = Foreign(
    _("a raw picture (DNG)"),
    _("Export it as JPEG; on an iPhone, switch off RAW in the camera."),
    "image",
)
TIFF = Foreign(_("a TIFF picture or a camera's raw picture"), _AS_JPEG, "image")
QUICKTIME = Foreign(_("QuickTime"), _("Share it as MP4."), "video")
MATROSKA = Foreign(_("a Matroska video (MKV)"), _AS_MP4, "video")
PHONE_VIDEO = Foreign(_("a 3GP recording"), _AS_MP4, "video")
OTHER_VIDEO = Foreign(_("a video of another format"), _AS_MP4, "video")
SOUND = Foreign(_("a sound recording"), "", "")
ARCHIVE = Foreign(_("an Office document or an archive"), _AS_PDF, "application")

# Taken elsewhere, but not at this call.
TAKEN_ELSEWHERE = {
    "application/pdf": Foreign(_("a PDF file"), _("Send a picture of the page."), "image"),
    "video/mp4": Foreign(_("a video"), "", ""),
    "video/webm": Foreign(_("a video"), "", ""),
}

# By the major brand of an ISO base media file.
_BRANDS: dict[bytes, Foreign] = (
    dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1",
                   b"heif", b"miaf", b"MiHB", b"MiHE"), HEIC)
    | dict.fromkeys((b"avif", b"avis", b"avio", b"MA1A", b"MA1B"), AVIF)
    | {b"crx ": Foreign(_("a camera's raw picture"), _AS_JPEG, "image")}
    | {b"qt  ": QUICKTIME}
    | dict.fromkeys((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ", b"f4a ", b"f4b ", b"aax ", b"aaxc", b"dmb1"), SOUND)
    | dict.fromkeys((b"F4P ", b"f4p "), OTHER_VIDEO)
    | dict.fromkeys((b"jp2 ", b"jpm ", b"jpx "), JPEG_2000)
)  # fmt: skip

# By its first bytes.
_BEGINNINGS: tuple[tuple[bytes, Foreign], ...] = (
    (b"GIF8", Foreign(_("a GIF picture"), _AS_JPEG, "image")),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"IIRO", TIFF),
    (b"IIU\0", TIFF),
    (b"FUJIFILM", TIFF),
    (b"\xff\x0a", Foreign(_("a JPEG XL picture"), _AS_JPEG, "image")),
    (b"\0\0\0\x0cJXL ", Foreign(_("a JPEG XL picture"), _AS_JPEG, "image")),
    (b"\0\0\0\x0cjP  ", JPEG_2000),
    (b"\xff\x4f\xff\x51", JPEG_2000),
    (b"\0\0\1\0", Foreign(_("an icon"), _AS_JPEG, "image")),
    (b"8BPS", Foreign(_("a Photoshop file"), _AS_JPEG, "image")),
    (b"BM", Foreign(_("a BMP picture"), _AS_JPEG, "image")),
    (b"PK\3\4", ARCHIVE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ARCHIVE),
    (b"{\\rtf", Foreign(_("a text document"), _AS_PDF, "application")),
    (b"%!PS", Foreign(_("a PostScript file"), _AS_PDF, "application")),
    (b"ID3", SOUND),
    (b"OggS", SOUND),
    (b"fLaC", SOUND),
    (b"#!AMR", SOUND),
    (b"caff", SOUND),
    (b"\xff\xfb", SOUND),
    (b"\xff\xf3", SOUND),
    (b"\xff\xf1", SOUND),
    (b"\xff\xf9", SOUND),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", OTHER_VIDEO),
    (b"FLV\1", OTHER_VIDEO),
    (b"\0\0\1\xba", OTHER_VIDEO),
    (b"\0\0\1\xb3", OTHER_VIDEO),
)
SVG = Foreign(_("an SVG drawing"), _AS_JPEG, "image")


def media_type_of_video(head: bytes, upload: UploadedFile[bytes]) -> str | None:
    """The media type of an MP4 or WebM video, by what it says it is and has; None for its relatives."""
    if head[4:8] == b"ftyp":
        if 16 <= int.from_bytes(head[:4]) <= 512 and _is_mp4_with_video(head, upload):
            return "video/mp4"
    elif _document_type(head) == b"webm" and _shows(_webm_tracks(head), 1):
        return "video/webm"
    return None


def foreign(head: bytes, upload: UploadedFile[bytes]) -> Foreign | None:
    """What a file is that we do not take, as far as its first bytes say, or its tracks."""
    if head[4:8] == b"ftyp":
        return _of_brand(head, upload)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"pnot", b"skip", b"free"):
        return QUICKTIME
    if head[:4] == b"RIFF":
        return {b"AVI ": OTHER_VIDEO, b"WAVE": SOUND}.get(head[8:12])
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return SOUND if _document_type(head) == b"webm" else MATROSKA
    # The tag of a DNG's version, among those of its first picture.
    if head[:4] in (b"II*\0", b"MM\0*") and (b"\x12\xc6\1\0\4\0\0\0" in head or b"\xc6\x12\0\1\0\0\0\4" in head):
        return RAW
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    start = head[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in head.lower():
        return SVG
    return None


def _is_mp4_with_video(head: bytes, upload: UploadedFile[bytes]) -> bool:
    major, others = _brands(head)
    if major in MP4_BRANDS:
        return _shows(_mp4_tracks(upload), b"vide")
    return not _known(major) and not MP4_BRANDS.isdisjoint(others) and b"vide" in _mp4_tracks(upload)


def _of_brand(head: bytes, upload: UploadedFile[bytes]) -> Foreign | None:
    major, others = _brands(head)
    # Both families of pictures may call themselves by the format that they share.
    if major in (b"mif1", b"msf1", b"miaf") and others & {b"avif", b"avis"}:
        return AVIF
    if known := _known(major):
        return known
    tracks = _mp4_tracks(upload)
    if b"vide" in tracks:
        return OTHER_VIDEO
    return SOUND if b"soun" in tracks or (major in MP4_BRANDS and others) else None


def _brands(head: bytes) -> tuple[bytes, set[bytes]]:
    """The major brand and the compatible ones."""
    return head[8:12], {head[place : place + 4] for place in range(16, min(int.from_bytes(head[:4]), 512), 4)}


def _known(major: bytes) -> Foreign | None:
    """What a major brand that we do not take says of its file; None where its tracks say it."""
    if major[:3] in (b"3gp", b"3g2", b"3ge", b"3gg", b"3gh", b"3gr", b"3gs", b"3gt"):
        return PHONE_VIDEO
    return _BRANDS.get(major)


def _shows(tracks: list[bytes] | list[int], video: object) -> bool:
    """Whether there is a video track; also where no track was found, since a player then decides."""
    return video in tracks or not tracks


def _mp4_tracks(upload: UploadedFile[bytes]) -> list[bytes]:
    """The kinds of its tracks (`vide`, `soun`), wherever in the file they stand."""
    boxes = islice(_boxes(upload, 0, upload.size or 0, TRACK_PATH), MOST_BOXES)
    return [kind for name, kind in boxes if name == b"hdlr"]


def _boxes(upload: UploadedFile[bytes], place: int, end: int, path: tuple[bytes, ...]) -> Iterator[tuple[bytes, bytes]]:
    """Each box here and along `path`, no deeper: its name, and of a handler what it handles."""
    while place + 8 <= end:
        upload.seek(place)
        head = upload.read(20)
        size, name, start = int.from_bytes(head[:4]), head[4:8], place + 8
        if size == 1:
            size, start = int.from_bytes(head[8:16]), place + 16
        elif size == 0:
            size = end - place
        if size < 8 or place + size > end:
            return
        yield name, head[16:20]
        if path and name == path[0]:
            yield from _boxes(upload, start, place + size, path[1:])
        place += size


def _webm_tracks(head: bytes) -> list[int]:
    """The kinds of its tracks (1 video, 2 audio), which stand near the beginning."""
    found = []
    for name, data in islice(_elements(head), MOST_BOXES):
        if name == 0x83 and data:
            found.append(int.from_bytes(data))
    return found


def _document_type(head: bytes) -> bytes:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return b""
    elements = islice(_elements(head), 20)
    return next((data.rstrip(b"\0") for name, data in elements if name == 0x4282), b"")


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a Matroska file: ids with what they hold; those that hold tracks are gone into."""
    place = 0
    while place < len(content):
        name, place = _number(content, place, marked=True)
        size, place = _number(content, place, marked=False)
        if name == 0 or size < 0:
            return
        # Header, segment, tracks, entry: what is inside follows.
        if name in (0x1A45DFA3, 0x18538067, 0x1654AE6B, 0xAE):
            continue
        if name == 0x1F43B675:  # the first pictures and sounds; tracks come before
            return
        yield name, content[place : place + size]
        place += size


def _number(content: bytes, place: int, *, marked: bool) -> tuple[int, int]:
    """A number of one to eight bytes and the place after it; an id keeps the mark of its length. -1 if broken."""
    first = content[place] if place < len(content) else 0
    length = 9 - first.bit_length()
    if length > 8 or place + length > len(content):
        return (0 if marked else -1), len(content)
    number = int.from_bytes(content[place : place + length])
    return (number if marked else number & ((1 << 7 * length) - 1)), place + length
