"""Scenes of a day, as users post them in stories."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from demo.drawing.brushes import CLOTHES, Size, darker, font, gradient, jpeg


def scene(random: Random, kind: str | None = None, size: Size = (540, 960)) -> bytes:
    """What a user might show of their day, one of `SCENES`, as JPEG."""
    draw_it = SCENES[kind or random.choice(list(SCENES))]
    return jpeg(draw_it(random, *size))


def _sea(random: Random, width: int, height: int) -> Image.Image:
    image = gradient(
        (width, height), *random.choice((("#ffb36b", "#d1495b"), ("#9ad1f5", "#fdf0d5"), ("#f7c59f", "#5b5f97")))
    )
    draw = ImageDraw.Draw(image)
    x, y, r = width * random.uniform(0.3, 0.7), height * 0.42, width * 0.14
    draw.ellipse((x - r, y - r, x + r, y + r), fill="#fff3d6")
    image.paste(gradient((width, height // 2), "#1b6f8a", "#0b3c5d"), (0, height // 2))
    for line in range(26):
        top = height * 0.52 + line * height * 0.018
        left, length = random.uniform(-0.1, 0.9) * width, random.uniform(0.08, 0.3) * width
        draw.line((left, top, left + length, top), fill="#4d9fb5", width=3)
    return image


def _mountains(random: Random, width: int, height: int) -> Image.Image:
    image = gradient((width, height), "#bfe0f5", "#f8f4e3")
    draw = ImageDraw.Draw(image)
    for depth, colour in enumerate(("#8fa9bf", "#5f7f95", "#3c5a5d", "#2a3f2c")):
        base = height * (0.42 + 0.13 * depth)
        ridge = [(width * step / 7, base - random.uniform(-0.06, 0.12) * height) for step in range(8)]
        draw.polygon([(0, height), *ridge, (width, height)], fill=colour)
    return image


def _skyline(random: Random, width: int, height: int) -> Image.Image:
    image = gradient((width, height), "#1d2b53", "#e98a6d")
    draw = ImageDraw.Draw(image)
    left = 0
    while left < width:
        wide, tall = random.randint(width // 12, width // 6), random.uniform(0.25, 0.6) * height
        draw.rectangle((left, height - tall, left + wide, height), fill="#141a2e")
        for x in range(left + 8, left + wide - 12, 18):
            for y in range(int(height - tall) + 12, height, 26):
                if random.random() < 0.45:
                    draw.rectangle((x, y, x + 8, y + 12), fill="#ffd98a")
        left += wide + 4
    return image


def _table(random: Random, width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), "#c89f7a")
    draw = ImageDraw.Draw(image)
    for board in range(0, height, 60):
        draw.line((0, board, width, board + random.randint(-6, 6)), fill="#b58963", width=3)
    for x, y, share, inside in ((0.38, 0.36, 0.3, "#4b2e1e"), (0.68, 0.66, 0.2, random.choice(CLOTHES))):
        for ring, fill in ((1.25, "#e9e4da"), (1.0, "#ffffff"), (0.84, inside)):
            r = width * share * ring
            draw.ellipse((width * x - r, height * y - r, width * x + r, height * y + r), fill=fill)
    return image


def _stage(random: Random, width: int, height: int) -> Image.Image:
    image = gradient((width, height), "#12081f", "#3a1250")
    glow = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(glow)
    for lamp in range(6):
        x, aim = width * (lamp + 0.5) / 6, random.uniform(0, width)
        draw.polygon(((x, 0), (aim - 70, height), (aim + 70, height)), fill=random.choice(CLOTHES))
    image = Image.blend(image, glow.filter(ImageFilter.GaussianBlur(12)), 0.45)
    draw = ImageDraw.Draw(image)
    for x in range(-20, width, 46):
        r, y = random.randint(20, 32), height * random.uniform(0.84, 0.9)
        draw.ellipse((x - r, y - r, x + r, y + r), fill="#0a0510")
        draw.rectangle((x - r * 1.6, y + r, x + r * 1.6, height), fill="#0a0510")
    return image


def _leaves(random: Random, width: int, height: int) -> Image.Image:
    image = gradient((width, height), "#f3efe2", "#d3e4c5")
    draw = ImageDraw.Draw(image)
    foot = (width / 2, height * 0.78)
    for leaf in range(11):
        angle = math.pi * (1.08 + 0.84 * leaf / 10)
        length = height * random.uniform(0.3, 0.5)
        tip = (foot[0] + length * math.cos(angle), foot[1] + length * math.sin(angle))
        side = (math.sin(angle) * width * 0.07, -math.cos(angle) * width * 0.07)
        middle = ((foot[0] + tip[0]) / 2, (foot[1] + tip[1]) / 2)
        points = (foot, (middle[0] + side[0], middle[1] + side[1]), tip, (middle[0] - side[0], middle[1] - side[1]))
        draw.polygon(points, fill=random.choice(("#3f7d4e", "#5f9c5b", "#2f5d3a", "#86b36b")))
    pot = (
        (0.34 * width, 0.75 * height),
        (0.66 * width, 0.75 * height),
        (0.6 * width, 0.93 * height),
        (0.4 * width, 0.93 * height),
    )
    draw.polygon(pot, fill="#c8643c")
    return image


def _product(random: Random, width: int, height: int) -> Image.Image:
    colour = random.choice(CLOTHES)
    image = gradient((width, height), "#fbfaf7", "#dcd6cb")
    draw = ImageDraw.Draw(image)
    draw.ellipse((0.12 * width, 0.7 * height, 0.88 * width, 0.86 * height), fill="#cfc7b8")
    draw.rounded_rectangle((0.34 * width, 0.36 * height, 0.66 * width, 0.79 * height), 30, fill=colour)
    draw.rectangle((0.43 * width, 0.27 * height, 0.57 * width, 0.37 * height), fill=darker(colour))
    draw.rounded_rectangle((0.4 * width, 0.22 * height, 0.6 * width, 0.29 * height), 8, fill="#2c2c2c")
    draw.rectangle((0.34 * width, 0.5 * height, 0.66 * width, 0.66 * height), fill="#ffffff")
    draw.text(
        (0.5 * width, 0.58 * height),
        random.choice(("No. 7", "PURE", "SOLE", "NOVA")),
        fill=colour,
        font=font(width * 0.08),
        anchor="mm",
    )
    return image


SCENES: dict[str, Callable[[Random, int, int], Image.Image]] = {
    "sea": _sea,
    "mountains": _mountains,
    "skyline": _skyline,
    "table": _table,
    "stage": _stage,
    "leaves": _leaves,
    "product": _product,
}
