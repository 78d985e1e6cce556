"""Pictures and papers of people who do not exist: drawn by us, the same each time for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from random import Random

import pikepdf
from PIL import Image, ImageDraw, ImageFilter, ImageFont

type Colour = tuple[int, int, int]
type Size = tuple[int, int]

SKINS = ("#f6d7c3", "#eac0a0", "#d9a27c", "#b97f56", "#8f5b3c", "#6b4029")
HAIRS = ("#1f1a17", "#3b2a20", "#6a4428", "#a9743c", "#d8b26a", "#8a8a8c", "#7c2f22")
CLOTHES = ("#2f4858", "#33658a", "#86bbd8", "#758e4f", "#f6ae2d", "#f26419", "#7d4f9e", "#b23a48")
BACKDROPS = (("#dfe9f3", "#a6c1d8"), ("#fde8d7", "#f0b48c"), ("#e4f2e1", "#9cc59b"), ("#ece4f5", "#b59cd0"))
CARD: Size = (1000, 630)
# Twice as large while drawing, then shrunk: edges come out smooth.
FINE = 2


def portrait(random: Random, size: int = 320) -> bytes:
    """Head and shoulders, as JPEG."""
    return _jpeg(_face(random, size))


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
    draw.text((side / 2, side / 2), initials, fill=colour, font=_font(side * 0.3), anchor="mm")
    draw.rectangle((0, side * 0.92, side, side), fill=other)
    return _jpeg(image.resize((size, size), Image.Resampling.LANCZOS))


def scene(random: Random, kind: str | None = None, size: Size = (540, 960)) -> bytes:
    """What somebody might show of their day, one of `SCENES`, as JPEG."""
    draw_it = SCENES[kind or random.choice(list(SCENES))]
    return _jpeg(draw_it(random, *size))


# --- People ---------------------------------------------------------------------------------------------------------


def _face(random: Random, size: int) -> Image.Image:
    side = size * FINE
    image = _gradient((side, side), *random.choice(BACKDROPS))
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
    draw.rounded_rectangle((0.43 * side, 0.55 * side, 0.57 * side, 0.8 * side), 0.06 * side, fill=_darker(skin))
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
    draw.line((0.5 * side, 0.47 * side, 0.485 * side, 0.53 * side), fill=_darker(skin), width=side // 90)
    draw.arc((0.44 * side, 0.5 * side, 0.56 * side, 0.59 * side), 20, 160, fill="#8c3b3b", width=side // 70)
    return image.resize((size, size), Image.Resampling.LANCZOS)


# --- Scenes ---------------------------------------------------------------------------------------------------------


def _sea(random: Random, width: int, height: int) -> Image.Image:
    image = _gradient(
        (width, height), *random.choice((("#ffb36b", "#d1495b"), ("#9ad1f5", "#fdf0d5"), ("#f7c59f", "#5b5f97")))
    )
    draw = ImageDraw.Draw(image)
    x, y, r = width * random.uniform(0.3, 0.7), height * 0.42, width * 0.14
    draw.ellipse((x - r, y - r, x + r, y + r), fill="#fff3d6")
    image.paste(_gradient((width, height // 2), "#1b6f8a", "#0b3c5d"), (0, height // 2))
    for line in range(26):
        top = height * 0.52 + line * height * 0.018
        left, length = random.uniform(-0.1, 0.9) * width, random.uniform(0.08, 0.3) * width
        draw.line((left, top, left + length, top), fill="#4d9fb5", width=3)
    return image


def _mountains(random: Random, width: int, height: int) -> Image.Image:
    image = _gradient((width, height), "#bfe0f5", "#f8f4e3")
    draw = ImageDraw.Draw(image)
    for depth, colour in enumerate(("#8fa9bf", "#5f7f95", "#3c5a5d", "#2a3f2c")):
        base = height * (0.42 + 0.13 * depth)
        ridge = [(width * step / 7, base - random.uniform(-0.06, 0.12) * height) for step in range(8)]
        draw.polygon([(0, height), *ridge, (width, height)], fill=colour)
    return image


def _skyline(random: Random, width: int, height: int) -> Image.Image:
    image = _gradient((width, height), "#1d2b53", "#e98a6d")
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
    image = _gradient((width, height), "#12081f", "#3a1250")
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
    image = _gradient((width, height), "#f3efe2", "#d3e4c5")
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
    image = _gradient((width, height), "#fbfaf7", "#dcd6cb")
    draw = ImageDraw.Draw(image)
    draw.ellipse((0.12 * width, 0.7 * height, 0.88 * width, 0.86 * height), fill="#cfc7b8")
    draw.rounded_rectangle((0.34 * width, 0.36 * height, 0.66 * width, 0.79 * height), 30, fill=colour)
    draw.rectangle((0.43 * width, 0.27 * height, 0.57 * width, 0.37 * height), fill=_darker(colour))
    draw.rounded_rectangle((0.4 * width, 0.22 * height, 0.6 * width, 0.29 * height), 8, fill="#2c2c2c")
    draw.rectangle((0.34 * width, 0.5 * height, 0.66 * width, 0.66 * height), fill="#ffffff")
    draw.text(
        (0.5 * width, 0.58 * height),
        random.choice(("No. 7", "PURE", "SOLE", "NOVA")),
        fill=colour,
        font=_font(width * 0.08),
        anchor="mm",
    )
    return image


SCENES: dict[str, Callable[[Random, int, int], Image.Image]] = {
    "sea": _sea,
    "mountains": _mountains,
    "skyline": _skyline,
    "table": _table,
    "scenario": _stage,
    "leaves": _leaves,
    "product": _product,
}


# --- Papers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Holder:
    """Whom an identity card is for."""

    name: str
    born: date = date(1994, 5, 17)
    expires: date = date(2031, 5, 16)
    number: str = "X4T28K91"


def identity_card(random: Random, holder: Holder, *, flaw: str = "", media_type: str = "image/png") -> bytes:
    """A card of a country that does not exist, as PNG or JPEG. `flaw` is "", "blurred", "cut off" or "pasted"."""
    image = _gradient(CARD, "#eef4f8", "#c9dbe6")
    draw = ImageDraw.Draw(image)
    for wave in range(24):
        top = wave * 30 - 40
        draw.arc((-200, top, CARD[0] + 200, top + 160), 0, 180, fill="#b6cddb", width=2)
    draw.rectangle((0, 0, CARD[0], 92), fill="#1f4e6b")
    draw.text((40, 46), "REPUBLIC OF MERIDIA", fill="white", font=_font(38), anchor="lm")
    draw.text((CARD[0] - 40, 46), "IDENTITY CARD", fill="#cfe3ee", font=_font(28), anchor="rm")
    image.paste(_face(random, 280), (40, 130))
    *given, family = holder.name.split()
    lines = (
        ("Family name", family),
        ("Given names", " ".join(given)),
        ("Date of birth", f"{holder.born:%d %m %Y}"),
        ("Card number", holder.number),
        ("Valid until", f"{holder.expires:%d %m %Y}"),
    )
    for place, (label, value) in enumerate(lines):
        top = 128 + place * 66
        draw.text((360, top), label, fill="#52707f", font=_font(18))
        altered = flaw == "pasted" and label == "Family name"
        if altered:
            draw.rectangle((352, top + 22, 640, top + 60), fill="#f4f4f4")
        draw.text((360, top + 22), value, fill="#111111" if altered else "#16303d", font=_font(36 if altered else 30))
    strip = f"IDMER{family}<<{'<'.join(given)}".upper()
    draw.rectangle((0, 490, CARD[0], CARD[1]), fill="#f7f9fa")
    for place, line in enumerate((strip, f"{holder.number}<{holder.born:%y%m%d}<{holder.expires:%y%m%d}")):
        for column, letter in enumerate(line.ljust(36, "<")[:36]):
            draw.text((54 + column * 25.5, 530 + place * 52), letter, fill="#222222", font=_font(26), anchor="mm")
    if flaw == "blurred":
        image = image.filter(ImageFilter.GaussianBlur(9))
    image = _on_a_desk(image, random)
    if flaw == "cut off":
        image = image.crop((0, 0, image.width * 5 // 9, image.height))
    return _png(image) if media_type == "image/png" else _jpeg(image)


def business_paper(
    company: str, owner: str, number: str, *, since: date = date(2019, 3, 4), kind: str = "trade"
) -> bytes:
    """An extract of a register that does not exist (`kind` "trade"), or a shop's bill ("bill"), as PDF."""
    if kind == "bill":
        title, lines = (
            "INVOICE",
            [
                f"Customer: {company}",
                f"Invoice no. {number}, {since:%d %B %Y}",
                "",
                "12 x paper cups, 250 pieces      148.80",
                " 3 x ring light, 45 cm           207.00",
                "",
                "Total, taxes included            355.80",
                "Payable within 14 days.",
            ],
        )
    else:
        title, lines = (
            "EXTRACT FROM THE TRADE REGISTER",
            [
                f"Register number      MR {number}",
                f"Company              {company}",
                f"Entered on           {since:%d %B %Y}",
                "Seat                 14 Harbour Street, Port Alba",
                f"Sole director        {owner}",
                "Share capital        25,000.00, fully paid",
                "Object               Consumer goods and advertising services",
                "",
                "This extract shows every entry in force on the day of issue.",
                "Issued by the Registrar of Companies, Republic of Meridia.",
            ],
        )
    drawn = [pdf_text("F2", 20, 72, 740, title), "0.12 0.31 0.42 RG 1.5 w 72 724 m 523 724 l S"]
    drawn += [pdf_text("F1", 11, 72, 690 - 22 * place, line) for place, line in enumerate(lines)]
    if kind == "trade":
        drawn += ["0.7 0.15 0.15 RG 2 w 400 150 100 100 re S", pdf_text("F2", 12, 416, 196, "REGISTRAR")]

    return pdf_page(drawn, body="Courier")


def pdf_page(drawn: list[str], *, body: str) -> bytes:
    """A page of A4 with these drawing operators, on which F1 is the font `body` and F2 a bold one."""
    with pikepdf.new() as pdf:
        fonts = {
            f"/F{place}": pikepdf.Dictionary(
                Type=pikepdf.Name.Font,
                Subtype=pikepdf.Name.Type1,
                BaseFont=pikepdf.Name(f"/{name}"),
                Encoding=pikepdf.Name.WinAnsiEncoding,
            )
            for place, name in ((1, body), (2, "Helvetica-Bold"))
        }
        pdf.add_blank_page(page_size=(595, 842))
        page = pdf.pages[0]
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(fonts))
        page.Contents = pdf.make_stream("\n".join(drawn).encode("cp1252"))
        out = BytesIO()
        pdf.save(out, deterministic_id=True)
        return out.getvalue()


def pdf_text(font: str, size: int, x: float, y: float, text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET"


def _on_a_desk(card: Image.Image, random: Random) -> Image.Image:
    """As photographed: slightly turned, on something dark."""
    colour = random.choice(("#5b4636", "#3e4347", "#6d5c4d"))
    desk = Image.new("RGB", (card.width + 80, card.height + 80), colour)
    desk.paste(card, (40, 40))
    return desk.rotate(random.uniform(-1.5, 1.5), Image.Resampling.BILINEAR, fillcolor=colour)


# --- Brushes --------------------------------------------------------------------------------------------------------


def _gradient(size: Size, top: str, bottom: str) -> Image.Image:
    mask = Image.linear_gradient("L").resize((1, size[1])).resize(size, Image.Resampling.NEAREST)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def _darker(colour: str) -> Colour:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return int(red * 0.85), int(green * 0.85), int(blue * 0.85)


def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _jpeg(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    # Few colours: a fourth of the size, and the card looks the same.
    image.quantize(128).save(out, "PNG", optimize=True)
    return out.getvalue()
