"""What all pictures are drawn with."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from PIL import Image, ImageFont

type Colour = tuple[int, int, int]
type Size = tuple[int, int]

CLOTHES = ("#2f4858", "#33658a", "#86bbd8", "#758e4f", "#f6ae2d", "#f26419", "#7d4f9e", "#b23a48")
# Twice as large while drawing, then shrunk: edges come out smooth.
FINE = 2


def gradient(size: Size, top: str, bottom: str) -> Image.Image:
    mask = Image.linear_gradient("L").resize((1, size[1])).resize(size, Image.Resampling.NEAREST)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def darker(colour: str) -> Colour:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return int(red * 0.85), int(green * 0.85), int(blue * 0.85)


@cache
def font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def jpeg(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()


def png(image: Image.Image) -> bytes:
    out = BytesIO()
    # Few colours: a fourth of the size, and the card looks the same. The other way to choose them takes eight times as
    # long and drops those of small spots.
    image.quantize(128, Image.Quantize.FASTOCTREE).save(out, "PNG")
    return out.getvalue()
