"""Pictures from strangers, drawn anew: upright, as a viewer shows them, and nothing of the file but its pixels.

What describes a picture is taken away before the decoder sees it, so that a broken note spoils no picture. Colours
of another profile and values of 16 bits become sRGB of 8 bits, which is what every screen takes them for afterwards.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

MAX_PIXELS = {"PNG": 66_000_000, "JPEG": 66_000_000, "WEBP": 51_000_000}
"""Decoded at once, which takes up to 0.5 GB; 1.3 GB of a WebP, whose decoder keeps it several times.

Phones of nominal 64 and 50 megapixels make up to 64.5 and 50.4 million, their panoramas some 60.
"""
MAX_JPEG_PIXELS = 210_000_000
"""Of a JPEG that is decoded at half its size, as phones of nominal 108 and 200 megapixels make them. Progressive ones
are no such: their decoder keeps all of them in memory."""
MAX_PROFILE = 1024 * 1024
Image.MAX_IMAGE_PIXELS = MAX_PIXELS["PNG"]

ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
HIGH_BYTES = [value >> 8 for value in range(1 << 16)]
SRGB = ImageCms.createProfile("sRGB")
# Colours that a profile may be of, and how Pillow calls pictures of them.
SPACES = {"RGB": "RGB ", "RGBA": "RGB ", "L": "GRAY", "CMYK": "CMYK"}


class Moves(Exception):
    """The picture is an animation."""


class TooManyPixels(Exception):
    """The picture is larger than may be decoded; `most` is how many pixels are."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


def drawn_anew(content: bytes, kind: str) -> bytes:
    """The picture of a PNG, JPEG or WebP file, as a file of the same kind that holds nothing else.

    Raises `Moves`, `TooManyPixels`, or whatever a decoder has to say of a broken file.
    """
    opened = _opened(content, kind)
    opened.load()
    profile = opened.info.get("icc_profile")
    image = _in_srgb(_in_eight_bits(_turned_upright(opened)), profile)
    del opened  # its pixels, where they were not changed in place
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.mode == "LA" else "RGB")
    image.info = {}
    out = BytesIO()
    image.save(out, kind, **({} if kind == "PNG" else {"quality": 90}))
    return out.getvalue()


def _opened(content: bytes, kind: str) -> ImageFile.ImageFile:
    """Not by `Image.open`, to which a JPEG with a preview or a second view behind it is another kind of file."""
    image: Any
    if kind == "PNG":
        image = PngImageFile(BytesIO(b"".join(_png_chunks(content))))
    elif kind == "WEBP":
        image = WebPImageFile(BytesIO(content))
    else:
        image = JpegImageFile(BytesIO(b"".join(_jpeg_segments(content))))
        if MAX_PIXELS[kind] < image.width * image.height <= MAX_JPEG_PIXELS and not image.info.get("progressive"):
            image.draft(None, (image.width // 2, image.height // 2))
    if image.width * image.height > MAX_PIXELS[kind]:
        raise TooManyPixels(MAX_PIXELS[kind])
    if kind == "WEBP" and image.n_frames > 1:
        raise Moves
    return image


def _png_chunks(content: bytes) -> Iterator[bytes]:
    """The chunks that say how to draw. Of the others, broken ones too, nothing is read."""
    yield content[:8]
    place, depth, colours = 8, 8, 2
    while place + 12 <= len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4])
        name, data, crc = content[place + 4 : place + 8], content[place + 8 : end - 4], content[end - 4 : end]
        whole = zlib.crc32(name + data) == int.from_bytes(crc)
        if name == b"IHDR":
            depth, colours = data[8], data[9]
        # A small first letter says that a picture can be drawn without the chunk.
        if name[:1].isupper():
            if not whole:
                raise SyntaxError(f"wrong checksum of {name!r}")
            yield content[place:end]
        elif whole and name == b"tRNS" and (key := _transparency(data, depth, colours)):
            yield _chunk(name, key)
        elif whole and name == b"acTL" and int.from_bytes(data[:4]) > 1:
            raise Moves
        elif whole and (name == b"eXIf" or (name == b"iCCP" and _is_profile(data))):
            yield content[place:end]
        place = end
        if name == b"IEND":
            return


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def _transparency(data: bytes, depth: int, colours: int) -> bytes:
    """What is transparent, in the values that Pillow makes of the pixels: it scales these, but not the key."""
    if colours == 0 and len(data) >= 2 and depth in (2, 4):
        return (int.from_bytes(data[:2]) % (1 << depth) * (85 if depth == 2 else 17)).to_bytes(2)
    if colours == 2 and len(data) >= 6 and depth == 16:
        return b"".join(bytes([0, high]) for high in data[0:6:2])
    return data if colours == 3 or len(data) >= (6 if colours == 2 else 2) else b""


def _is_profile(data: bytes) -> bool:
    """Whether an iCCP chunk unpacks to something of a sensible size."""
    _name, _end, packed = data.partition(b"\0")
    with suppress(zlib.error):
        return packed[:1] == b"\0" and len(zlib.decompressobj().decompress(packed[1:], MAX_PROFILE + 1)) <= MAX_PROFILE
    return False


def _jpeg_segments(content: bytes) -> Iterator[bytes]:
    """The file without the notes before its pixels; of these the orientation and the colour profile are left."""
    place = 2
    yield content[:place]
    while content[place : place + 1] == b"\xff" and place + 4 <= len(content):
        marker = content[place + 1]
        if marker == 0xFF:  # filling
            place += 1
            continue
        # Start of the pixels, or what has no length.
        if marker == 0xDA or marker < 0xC0 or 0xD0 <= marker <= 0xD9:
            break
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4])
        if _is_drawn_by(marker, content[place + 4 : end]):
            yield content[place:end]
        place = end
    yield content[place:]


def _is_drawn_by(marker: int, data: bytes) -> bool:
    """Whether a segment is needed to draw a JPEG, and is long enough to be what it says."""
    if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
        return True
    known = {0xE0: (b"JFIF\0", 12), 0xE1: (b"Exif\0\0", 14), 0xE2: (b"ICC_PROFILE\0", 14), 0xEE: (b"Adobe", 12)}
    start, length = known.get(marker, (b"", 1 << 16))
    return data.startswith(start) and len(data) >= length


def _turned_upright(image: Image.Image) -> Image.Image:
    try:
        turn = UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # hostile or broken: then it is shown as it lies
        turn = None
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = image.info
    return turned


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """As grey, RGB or CMYK of 8 bits, with an alpha channel where anything is transparent."""
    if image.mode.startswith("I"):
        # Scanners write 16 bits of grey; Pillow's own conversion makes white of all but the darkest 256 of them.
        values, key = image.convert("I"), image.info.get("transparency")
        grey = values.point(HIGH_BYTES, "L")
        if key is None:
            return grey
        return Image.merge("LA", (grey, values.point([255 * (value != key) for value in range(1 << 16)], "L")))
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") and "transparency" not in image.info:
        return image
    if image.mode in ("1", "L"):
        return image.convert("LA" if image.has_transparency_data else "L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The same colours in sRGB; a profile that cannot be read, or is of other colours, changes nothing."""
    if not profile:
        return image
    try:
        if image.mode == "LA":
            grey, alpha = image.split()
            converted = _in_srgb(grey, profile)
            if converted is grey:
                return image
            converted.putalpha(alpha)
            return converted
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if source.profile.xcolor_space != SPACES[image.mode]:
            return image
        to = image.mode if image.mode in ("RGB", "RGBA") else "RGB"
        transform = ImageCms.buildTransform(source, SRGB, image.mode, to)
        return ImageCms.applyTransform(image, transform, inPlace=to == image.mode) or image
    except Exception:  # what a hostile profile raises
        return image
