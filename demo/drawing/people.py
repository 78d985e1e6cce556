"""Portraits of users, and logos of companies."""

from __future__ import annotations

import math
from random import Random

from PIL import Image, ImageDraw

from demo.drawing.brushes import CLOTHES, FINE, darker, font, gradient, jpeg

SKINS = ("#f6d7c3", "#eac0a0", "#d9a27c", "#b97f56", "#8f5b3c", "#6b4029")
HAIRS = ("#1f1a17", "#3b2a20", "#6a4428", "#a9743c", "#d8b26a", "#8a8a8c", "#7c2f22")
BACKDROPS = (("#dfe9f3", "#a6c1d8"), ("#fde8d7", "#f0b48c"), ("#e4f2e1", "#9cc59b"), ("#ece4f5", "#b59cd0"))


def portrait(random: Random, size: int = 320) -> bytes:
    """Head and shoulders, as JPEG."""
    return jpeg(face(random, size))


def logo(random: Random, name: str, size: int = 320) -> bytes:
    """The sign of a company, with its initials, as JPEG."""
    side = size * FINE
    colour, other = random.sample(CLOTHES, 2)
    image = Image.new("RGB", (side, side), colour)
    draw = ImageDraw.Draw(image)
    edge = side * 0.2
    shape = random.choice((draw.ellipse, draw.rectangle))
    shape((edge, edge, side - edge, side - edge), fill="white")
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    draw.text((side / 2, side / 2), initials, fill=colour, font=font(side * 0.3), anchor="mm")
    draw.rectangle((0, side * 0.92, side, side), fill=other)
    return jpeg(image.reduce(FINE))


def face(random: Random, size: int) -> Image.Image:
    side = size * FINE
    image = gradient((side, side), *random.choice(BACKDROPS))
    draw = ImageDraw.Draw(image)
    skin, hair, clothes = random.choice(SKINS), random.choice(HAIRS), random.choice(CLOTHES)
    style = random.choice(("short", "long", "bun", "curls", "none"))

    def disc(x: float, y: float, width: float, height: float, fill: str) -> None:
        """An ellipse about a centre, all in shares of the side."""
        box = ((x - width / 2) * side, (y - height / 2) * side, (x + width / 2) * side, (y + height / 2) * side)
        draw.ellipse(box, fill=fill)

    if style == "long":
        disc(0.5, 0.5, 0.5, 0.62, hair)
    if style == "bun":
        disc(0.5, 0.16, 0.17, 0.17, hair)
    disc(0.5, 1.06, 0.86, 0.66, clothes)
    draw.rounded_rectangle((0.43 * side, 0.55 * side, 0.57 * side, 0.8 * side), 0.06 * side, fill=darker(skin))
    disc(0.5, 0.45, 0.36, 0.45, skin)
    if style != "none":
        top = (0.315 * side, 0.2 * side, 0.685 * side, 0.56 * side)
        draw.pieslice(top, 180, 360, fill=hair)
    if style == "curls":
        for step in range(9):
            angle = math.pi * (1 + step / 8)
            disc(0.5 + 0.19 * math.cos(angle), 0.38 + 0.17 * math.sin(angle), 0.13, 0.13, hair)
    for x in (0.43, 0.57):
        disc(x, 0.45, 0.035, 0.04, "#26221f")
        draw.line(((x - 0.035) * side, 0.405 * side, (x + 0.035) * side, 0.4 * side), fill=hair, width=side // 90)
    if random.random() < 0.3:
        for x in (0.43, 0.57):
            box = ((x - 0.06) * side, 0.4 * side, (x + 0.06) * side, 0.5 * side)
            draw.ellipse(box, outline="#333333", width=side // 100)
        draw.line((0.49 * side, 0.44 * side, 0.51 * side, 0.44 * side), fill="#333333", width=side // 100)
    draw.line((0.5 * side, 0.47 * side, 0.485 * side, 0.53 * side), fill=darker(skin), width=side // 90)
    draw.arc((0.44 * side, 0.5 * side, 0.56 * side, 0.59 * side), 20, 160, fill="#8c3b3b", width=side // 70)
    return image.reduce(FINE)
