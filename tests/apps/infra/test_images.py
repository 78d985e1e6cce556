"""Pictures as phones, scanners and editors really make them, and what is stored of them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps

from apps.errors import Invalid
from apps.infra.files import uploads
from tests.drawn import moving, picture, upload


def stored(content: bytes, take: Any = uploads.take_picture) -> Image.Image:
    image = Image.open(take(upload(content)).file)
    image.load()
    assert not {"exif", "icc_profile", "comment", "transparency"} & set(image.info)
    return image


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def png_of(colours: int, depth: int, row: bytes, width: int, *more: bytes) -> bytes:
    """A PNG of one row, with `more` chunks before its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colours, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + pixels


def with_chunk(content: bytes, added: bytes) -> bytes:
    """A PNG with one more chunk after its head."""
    return content[:33] + added + content[33:]


def with_segment(content: bytes, marker: int, data: bytes) -> bytes:
    """A JPEG with one more segment at its beginning."""
    return content[:2] + bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data + content[2:]


# --- As a viewer shows them -----------------------------------------------------------------------------------------


def test_sixteen_bits_of_grey_keep_their_values() -> None:
    ramp = b"".join((value * 257).to_bytes(2, "little") for _row in range(64) for value in range(256))
    image = stored(saved(Image.frombytes("I;16", (256, 64), ramp)))
    assert image.mode == "RGB"
    assert [image.getpixel((x, 5)) for x in range(256)] == [(x, x, x) for x in range(256)]


@pytest.mark.parametrize(
    ("depth", "row", "key", "alpha", "grey"),
    [
        (1, b"\x40", 1, [255, 0], [0, 255]),
        (2, b"\x60", 2, [255, 0], [85, 170]),
        (4, b"\x5a", 5, [0, 255], [85, 170]),
        (8, b"\x05\x80", 5, [0, 255], [5, 128]),
        (16, b"\x05\x01\x05\x00", 0x0500, [255, 0], [5, 5]),
    ],
)
def test_transparent_grey_values_are_kept(depth: int, row: bytes, key: int, alpha: list[int], grey: list[int]) -> None:
    image = stored(png_of(0, depth, row, 2, chunk(b"tRNS", key.to_bytes(2))))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(g, g, g, a) for g, a in zip(grey, alpha, strict=True)]


@pytest.mark.parametrize(
    ("colours", "row", "more", "pixel"),
    [
        (2, b"\x12\x34\x80\x01\xff\xff", b"", (0x12, 0x80, 0xFF)),
        (2, b"\x12\x34\x80\x01\xff\xff", chunk(b"tRNS", b"\x12\x34\x80\x01\xff\xff"), (0x12, 0x80, 0xFF, 0)),
        (4, b"\x12\x34\x80\x01", b"", (0x12, 0x12, 0x12, 0x80)),
        (6, b"\x12\x34\x80\x01\xff\xff\x40\x00", b"", (0x12, 0x80, 0xFF, 0x40)),
    ],
)
def test_sixteen_bits_of_colour_keep_the_upper_eight(
    colours: int, row: bytes, more: bytes, pixel: tuple[int, ...]
) -> None:
    assert stored(png_of(colours, 16, row, 1, more)).getpixel((0, 0)) == pixel


@pytest.mark.parametrize(("transparency", "alpha"), [(1, [255, 0]), (b"\x80\x20", [0x80, 0x20])])
def test_a_palette_may_be_transparent(transparency: int | bytes, alpha: list[int]) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 30, 30, 10, 20, 30])
    image.putpixel((1, 0), 1)
    shown = stored(saved(image, transparency=transparency))
    assert [shown.getpixel((x, 0)) for x in (0, 1)] == [(200, 30, 30, alpha[0]), (10, 20, 30, alpha[1])]


def test_a_picture_for_print_keeps_its_colours() -> None:
    shown = stored(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    red, green, blue = shown.getpixel((8, 8))
    assert red > 250
    assert max(green, blue) < 8


# --- Colours of a profile -------------------------------------------------------------------------------------------


def profile(*columns: tuple[float, float, float], gamma: float = 2.2) -> bytes:
    """An ICC profile of three primaries and a gamma, or of grey, as D50 XYZ."""

    def fixed(value: float) -> bytes:
        return round(value * 65536).to_bytes(4, signed=True)

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ " + bytes(4) + b"".join(map(fixed, values))

    curve = b"curv" + bytes(4) + (1).to_bytes(4) + round(gamma * 256).to_bytes(2) + bytes(2)
    white = (0.9642, 1.0, 0.8249)
    text = b"desc" + bytes(4) + (2).to_bytes(4) + b"x\0" + bytes(79)
    tags = [(b"desc", text + bytes(-len(text) % 4)), (b"wtpt", xyz(white)), (b"cprt", b"text" + bytes(4) + b"x\0\0\0")]
    if columns:
        tags += [(name + b"XYZ", xyz(values)) for name, values in zip((b"r", b"g", b"b"), columns, strict=True)]
        tags += [(name + b"TRC", curve) for name in (b"r", b"g", b"b")]
    else:
        tags.append((b"kTRC", curve))
    place, table, data = 128 + 4 + 12 * len(tags), len(tags).to_bytes(4), b""
    for name, body in tags:
        table += name + (place + len(data)).to_bytes(4) + len(body).to_bytes(4)
        data += body
    head = bytes(8) + b"\x02\x40\0\0mntr" + (b"RGB " if columns else b"GRAY") + b"XYZ " + bytes(12) + b"acsp"
    head += bytes(28) + b"".join(map(fixed, white)) + bytes(48)
    return (len(head) + len(table) + len(data)).to_bytes(4) + head[4:] + table + data


DISPLAY_P3 = profile((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = profile((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
COLOUR = (200, 30, 30)


def near(seen: Any, wanted: tuple[int, ...], by: int = 4) -> bool:
    return len(seen) == len(wanted) and all(abs(one - other) <= by for one, other in zip(seen, wanted, strict=True))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(("icc", "shown"), [(DISPLAY_P3, (220, 0, 0)), (ADOBE_RGB, (233, 24, 24))])
def test_colours_of_a_wider_space_are_converted(kind: str, icc: bytes, shown: tuple[int, ...]) -> None:
    options = {} if kind == "PNG" else {"quality": 100}
    content = saved(Image.new("RGB", (16, 16), COLOUR), kind, icc_profile=icc, **options)
    assert near(stored(content).getpixel((8, 8)), shown, 4 if kind == "PNG" else 8)


def test_transparency_survives_colour_conversion() -> None:
    content = saved(Image.new("RGBA", (4, 4), (*COLOUR, 77)), icc_profile=ADOBE_RGB)
    assert near(stored(content).getpixel((1, 1)), (233, 24, 24, 77))


def test_a_palette_is_converted() -> None:
    image = Image.new("P", (4, 4))
    image.putpalette([*COLOUR])
    assert near(stored(saved(image, icc_profile=ADOBE_RGB)).getpixel((1, 1)), (233, 24, 24))


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_of_another_gamma_is_converted(mode: str) -> None:
    image = Image.new(mode, (4, 4), 128 if mode == "L" else (128, 50))
    seen = stored(saved(image, icc_profile=profile(gamma=1.0))).getpixel((1, 1))
    assert near(seen, (188, 188, 188) if mode == "L" else (188, 188, 188, 50))


@pytest.mark.parametrize(
    "icc",
    [b"profile of mine", DISPLAY_P3[:200], profile(gamma=1.0), ImageCms.ImageCmsProfile(
        ImageCms.createProfile("sRGB")
    ).tobytes()],
)  # fmt: skip
def test_a_profile_that_cannot_be_read_or_does_not_fit_changes_nothing(icc: bytes) -> None:
    assert near(stored(saved(Image.new("RGB", (4, 4), COLOUR), icc_profile=icc)).getpixel((1, 1)), COLOUR, 1)


# --- More than one picture in a file --------------------------------------------------------------------------------


@pytest.mark.parametrize("take", [uploads.take_picture, uploads.take_document, uploads.take_story])
def test_second_images_in_a_jpeg_are_removed(take: Any) -> None:
    first, second = Image.new("RGB", (40, 30), "red"), Image.new("RGB", (40, 30), "blue")
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(first, "MPO", save_all=True, append_images=[second], exif=exif)
    taken = take(upload(content))
    kept = taken.file.read()
    assert taken.media_type == "image/jpeg"
    assert kept.count(b"\xff\xd8\xff") == 1
    shown = Image.open(BytesIO(kept))
    assert (shown.format, shown.size) == ("JPEG", (30, 40))
    assert near(shown.getpixel((10, 10)), (254, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_in_other_formats_are_rejected(kind: str) -> None:
    with pytest.raises(Invalid) as refused:
        uploads.take_story(upload(moving(kind)))
    assert refused.value.code == "animated"


def test_animations_of_one_frame_become_still_images() -> None:
    content = saved(Image.new("RGB", (4, 4), COLOUR))
    assert stored(with_chunk(content, chunk(b"acTL", bytes([0, 0, 0, 1, 0, 0, 0, 0])))).size == (4, 4)


# --- Large ones -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(8160, 6144), (16382, 3628)])
def test_image_sizes_of_phones_are_accepted(size: tuple[int, int]) -> None:
    image = Image.open(uploads.take_picture(upload(saved(Image.new("L", size, 90), "JPEG"))).file)
    assert image.size == size


def test_a_jpeg_of_a_nominal_hundred_megapixels_is_drawn_smaller() -> None:
    content = saved(Image.new("L", (12032, 9024), 90), "JPEG")
    assert Image.open(uploads.take_picture(upload(content)).file).size == (6016, 4512)


def test_oversized_images_are_rejected_with_advice() -> None:
    content = png_of(0, 1, b"\0", 1)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 1, 0, 0, 0, 0))
    with pytest.raises(Invalid) as refused:
        uploads.take_picture(upload(content[:8] + head + content[33:]))
    assert refused.value.code == "too-many-pixels"
    assert "at most 66 million are taken. Make it smaller" in str(refused.value)


# --- Broken notes ---------------------------------------------------------------------------------------------------


def wrong(chunk: bytes) -> bytes:
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


@pytest.mark.parametrize(
    "added",
    [
        chunk(b"iTXt", b"note\0\1\0\0\0" + zlib.compress(bytes(2 << 20))),
        chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(2 << 20))),
        chunk(b"zTXt", b"note\0\7rubbish"),
        chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(2 << 20))),
        chunk(b"iCCP", b"no end"),
        chunk(b"gAMA", b"\1"),
        chunk(b"eXIf", b"rubbish"),
        chunk(b"tRNS", b"\1"),
        chunk(b"acTL", b"\1"),
        wrong(chunk(b"tEXt", b"note\0words")),
        wrong(chunk(b"iCCP", b"x\0\0" + zlib.compress(ADOBE_RGB))),
        wrong(chunk(b"tRNS", bytes(6))),
        chunk(b"quIz", bytes(9)),
    ],
    ids=lambda added: f"{added[4:8].decode()}-{len(added)}",
)
def test_png_metadata_spoils_no_image(added: bytes) -> None:
    image = stored(with_chunk(saved(Image.new("RGB", (4, 4), COLOUR)), added))
    assert image.getpixel((1, 1)) == COLOUR


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT", b"IEND"])
def test_a_wrong_checksum_of_the_picture_itself_is_refused(name: bytes) -> None:
    content = bytearray(saved(Image.new("RGB", (4, 4), COLOUR)))
    place = content.index(name)
    length = int.from_bytes(content[place - 4 : place])
    content[place + 4 + length] ^= 1
    with pytest.raises(Invalid) as refused:
        uploads.take_picture(upload(bytes(content)))
    assert refused.value.code == "broken-file"


@pytest.mark.parametrize(
    ("marker", "data"),
    [
        (0xE0, b"JFIF"),
        (0xE1, b"Exif\0\0rubbish of all kinds"),
        (0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta"),
        (0xE2, b"ICC_PROFILE\0"),
        (0xE2, b"ICC_PROFILE\0\1\2rubbish"),
        (0xE2, b"MPF\0MM\0*\0\0\0\x08rubbish"),
        (0xED, b"Photoshop 3.0\x008BIM"),
        (0xEE, b"Adobe"),
        (0xFE, b""),
    ],
)
def test_jpeg_metadata_spoils_no_image(marker: int, data: bytes) -> None:
    content = with_segment(saved(Image.new("RGB", (16, 16), COLOUR), "JPEG", quality=95), marker, data)
    assert near(stored(content).getpixel((8, 8)), COLOUR, 6)


@pytest.mark.parametrize("note", [{"exif": b"Exif\0\0rubbish"}, {"xmp": b"<x:xmpmeta"}, {"icc_profile": b"rubbish"}])
def test_webp_metadata_spoils_no_image(note: dict[str, bytes]) -> None:
    content = saved(Image.new("RGB", (16, 16), COLOUR), "WEBP", lossless=True, **note)
    assert near(stored(content).getpixel((8, 8)), COLOUR, 6)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", [2, 3, 5, 6, 8])
def test_every_way_of_holding_a_phone_comes_out_upright(kind: str, orientation: int) -> None:
    image = Image.new("RGB", (32, 16), "white")
    image.paste("black", (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(image, kind, exif=exif)
    wanted = ImageOps.exif_transpose(Image.open(BytesIO(content))).convert("L")
    shown = stored(content).convert("L")
    assert shown.size == wanted.size
    corners = [(2, 2), (shown.width - 3, 2), (2, shown.height - 3), (shown.width - 3, shown.height - 3)]
    assert [shown.getpixel(corner) > 127 for corner in corners] == [wanted.getpixel(corner) > 127 for corner in corners]


def test_a_picture_made_by_the_tests_is_one() -> None:
    assert stored(picture("JPEG")).size == (40, 30)
