"""A watermark that no part of a page is without."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

SLANT = 24
"""Degrees by which the watermark rises."""


def marked(image: Image.Image, text: str) -> Image.Image:
    """The picture with `text` slanted across all of it: none of it can be cut out unmarked, no line is covered."""
    # By the longer side, unless the text would then not fit into the width of what is very long.
    size = max(12, min(max(image.size), 2 * min(image.size)) // 60)
    font = ImageFont.load_default(size)
    stamp = Image.new("RGBA", (int(ImageDraw.Draw(image).textlength(text, font=font)) + 2, size * 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(stamp)
    draw.text((1, 1), text, font=font, fill=(255, 255, 255, 80))
    draw.text((0, 0), text, font=font, fill=(40, 40, 40, 80))
    stamp = stamp.rotate(SLANT, expand=True, resample=Image.Resampling.BICUBIC)
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    across, down = stamp.width + size * 2, size * 11
    for row, top in enumerate(range(-stamp.height // 2, image.height, down)):
        for left in range(-(row % 3) * across // 3 - stamp.width // 3, image.width, across):
            layer.alpha_composite(stamp, *_overlap(layer.size, stamp.size, (left, top)))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _overlap(
    of: tuple[int, int], size: tuple[int, int], at: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Where a stamp that begins at `at`, perhaps outside, is put, and which part of it."""
    left, top = max(0, -at[0]), max(0, -at[1])
    right, bottom = min(size[0], of[0] - at[0]), min(size[1], of[1] - at[1])
    return (max(0, at[0]), max(0, at[1])), (left, top, max(left, right), max(top, bottom))
