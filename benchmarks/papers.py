"""Documents of people who do not exist, on twenty forms, and copies of them as users make them. Same for one seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import Any

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from demo.drawing.documents import pdf_page, pdf_text

GIVEN = (
    "Anna", "Ben", "Clara", "Daniel", "Elena", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Katya", "Luca",
    "Maria", "Nils", "Olga", "Pavel", "Rosa", "Stefan", "Tara", "Viktor", "Amir", "Bianca", "Chen", "Dalia",
    "Emre", "Farah", "Goran", "Hana", "Ivan", "Jana", "Kofi", "Leila", "Mei", "Noor", "Oskar", "Priya",
    "Quentin", "Rahel", "Samir", "Yara",
)  # fmt: skip
FAMILY = (
    "Berger", "Costa", "Dimitrov", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jensen", "Kowalski",
    "Lopez", "Marino", "Novak", "Okafor", "Petrov", "Rossi", "Sato", "Tran", "Ueda", "Virtanen", "Weber",
    "Yilmaz", "Zhang", "Brandt", "Moreau",
)  # fmt: skip
CITIES = (
    "Port Alba", "Meridia City", "Lowbridge", "Santa Vela", "Norrhaven", "Kesten", "Old Harbour", "Bellmont",
)  # fmt: skip
STREETS = (
    "Harbour Street", "Mill Lane", "Station Road", "Market Square", "King's Road", "Lindenallee", "Rua do Sol",
)  # fmt: skip
TRADES = (
    "Roasters", "Studio", "Logistics", "Media", "Bakery", "Trading", "Consulting", "Textiles", "Print", "Foods",
)  # fmt: skip
ADJECTIVES = (
    "Northern", "Copper", "Golden", "Silver", "Blue", "Urban", "United", "First", "Green", "Royal",
)  # fmt: skip
SKINS = ("#f6d7c3", "#eac0a0", "#d9a27c", "#b97f56", "#8f5b3c", "#6b4029")
HAIRS = ("#1f1a17", "#3b2a20", "#6a4428", "#a9743c", "#d8b26a", "#8a8a8c")
CLOTHES = ("#2f4858", "#33658a", "#86bbd8", "#758e4f", "#444444", "#f26419", "#7d4f9e", "#b23a48")
INKS = ("#1f4e6b", "#5a2a3c", "#2f5d3a", "#4a3f7a", "#6b4a1f", "#223344", "#7a2f2f", "#0f5f5f", "#3d3d3d", "#225588")
GROUNDS = ("#eef4f8", "#f7efe6", "#ecf4ea", "#f1edf7", "#f8f6ea", "#eceff1", "#f9eeee", "#e9f4f4", "#f4f4f4", "#eaf0fa")
FONTS = ("Helvetica", "Times-Roman", "Courier")
FORM_TITLES = (
    "EXTRACT FROM THE TRADE REGISTER", "CERTIFICATE OF REGISTRATION", "TAX REGISTRATION NOTICE", "BUSINESS LICENCE",
    "CONFIRMATION OF ENTRY", "CHAMBER OF COMMERCE RECORD", "DECLARATION OF BENEFICIAL OWNERS", "PERMIT TO TRADE",
    "VAT IDENTIFICATION", "STATEMENT OF THE REGISTRAR",
)  # fmt: skip
BOILERPLATE = (
    "This extract shows every entry in force on the day of issue. Entries that were deleted are not shown.",
    "The holder has to notify the office of every change within fourteen days. Failure to do so may be fined.",
    "Issued under section 12 of the Commercial Code. This paper is valid without a signature where it bears the seal.",
    "Any person may inspect the register. Copies are made against a fee that the Minister lays down by order.",
)
LAYOUTS = 10


@dataclass(frozen=True)
class Person:
    given: str
    family: str
    born: str
    issued: str
    expires: str
    number: str
    street: str
    city: str
    company: str
    capital: str
    look: int
    """Seed of face and signature."""


def person(random: Random) -> Person:
    """Names, streets and cities are few, so that many people share some of them, as people do."""

    def day(first: int, last: int) -> str:
        return f"{random.randint(1, 28):02} {random.randint(1, 12):02} {random.randint(first, last)}"

    number = f"{random.choice('ACKLTX')}{random.randint(10, 99)}"
    number += f"{random.choice('BDKM')}{random.randint(10000, 99999)}"
    return Person(
        given=random.choice(GIVEN),
        family=random.choice(FAMILY),
        born=day(1960, 2006),
        issued=day(2016, 2025),
        expires=day(2026, 2035),
        number=number,
        street=f"{random.randint(1, 120)} {random.choice(STREETS)}",
        city=random.choice(CITIES),
        company=f"{random.choice(ADJECTIVES)} {random.choice(TRADES)} {random.choice(('Ltd', 'LLC', 'GmbH'))}",
        capital=f"{random.choice((1, 5, 10, 25, 50, 100))},000.00",
        look=random.getrandbits(32),
    )


# --- Cards ------------------------------------------------------------------------------------------------------------


def card(layout: int, who: Person) -> Image.Image:
    """An identity card, of one of ten countries. All that is not `who` is the same on every card of a layout."""
    form = Random(f"card {layout}")
    ink, width, height = INKS[layout], 1000, 630
    image = Image.new("RGB", (width, height), GROUNDS[layout])
    draw = ImageDraw.Draw(image)
    pattern(draw, form, ink, width, height)
    bar = form.choice((70, 92, 110))
    if layout % 3 != 2:
        draw.rectangle((0, 0, width, bar), fill=ink)
    title = "white" if layout % 3 != 2 else ink
    names = ("REPUBLIC OF MERIDIA", "KINGDOM OF ALBA", "FEDERATION OF NORR", "STATE OF VELA", "UNION OF KESTEN")
    draw.text((40, bar / 2), names[layout % 5], fill=title, font=font(form.choice((30, 36, 40))), anchor="lm")
    kind = ("IDENTITY CARD", "DRIVING LICENCE")[layout // 5]
    draw.text((width - 40, bar / 2), kind, fill=title, font=font(26), anchor="rm")
    side, on_left = form.choice((240, 270, 300)), layout % 2 == 0
    face = portrait(Random(who.look), form.choice(("#dfe9f3", "#eeeeee", "#f3ede2")), int(side * 0.8), side)
    if layout in (3, 7):
        face = face.convert("L").convert("RGB")
    image.paste(face, (40 if on_left else width - 40 - face.width, bar + 36))
    left = 320 if on_left else 48
    labels = {
        "Family name": who.family,
        "Given names": who.given,
        "Date of birth": who.born,
        "Card number": who.number,
        "Place of issue": who.city,
        "Valid until": who.expires,
    }
    shown = form.sample(list(labels), len(labels))
    columns, size = form.choice((1, 2)), form.choice((25, 28, 30))
    rows = math.ceil(len(shown) / columns)
    step = (height - bar - (140 if layout % 4 != 3 else 60)) / rows
    for place, label in enumerate(shown):
        x, y = left + place % columns * 310, bar + 24 + place // columns * step
        draw.text((x, y), label, fill=ink, font=font(16))
        draw.text((x, y + 18), labels[label], fill="#16202a", font=font(size))
    if layout % 4 != 3:
        draw.rectangle((0, height - 110, width, height), fill="#f7f9fa")
        strips = (f"ID{names[layout % 5][:3]}{who.family}<<{who.given}", f"{who.number}<{who.born}<{who.expires}")
        for place, line in enumerate(strips):
            for column, letter in enumerate(line.upper().replace(" ", "").ljust(36, "<")[:36]):
                at = 54 + column * 25.5, height - 78 + place * 46
                draw.text(at, letter, fill="#222222", font=font(25), anchor="mm")
    else:
        signature(draw, Random(who.look), (left, height - 70, left + 260, height - 20), "#1a2a6a")
    return image


def pattern(draw: ImageDraw.ImageDraw, form: Random, ink: str, width: int, height: int) -> None:
    """Fine lines beneath, as forms have them against forgery."""
    pale = blended(ink, 0.25)
    kind = form.choice(("arcs", "waves", "rings", "grid"))
    for step in range(26):
        if kind == "arcs":
            draw.arc((-200, step * 30 - 40, width + 200, step * 30 + 120), 0, 180, fill=pale, width=2)
        elif kind == "waves":
            points = [(x, step * 26 + 14 * math.sin(x / 60 + step / 3)) for x in range(0, width + 20, 20)]
            draw.line(points, fill=pale, width=2)
        elif kind == "rings":
            draw.ellipse(
                (width * 0.6 - step * 24, 330 - step * 24, width * 0.6 + step * 24, 330 + step * 24), None, pale, 2
            )
        else:
            draw.line((step * 60 - 300, 0, step * 60 + 300, height), fill=pale, width=2)


def portrait(random: Random, backdrop: str, width: int, height: int) -> Image.Image:
    """Head and shoulders. Faces differ in build, hair and colours, but all sit in the same place."""
    image = Image.new("RGB", (width * 2, height * 2), backdrop)
    draw = ImageDraw.Draw(image)
    skin, hair, clothes = random.choice(SKINS), random.choice(HAIRS), random.choice(CLOTHES)
    middle, level = random.uniform(0.47, 0.53), random.uniform(0.42, 0.48)
    broad, long = random.uniform(0.36, 0.46), random.uniform(0.42, 0.52)

    def disc(x: float, y: float, across: float, down: float, fill: str) -> None:
        w, h = width * 2, height * 2
        draw.ellipse(((x - across / 2) * w, (y - down / 2) * h, (x + across / 2) * w, (y + down / 2) * h), fill=fill)

    if random.random() < 0.4:
        disc(middle, level + 0.06, broad + random.uniform(0.1, 0.2), long + random.uniform(0.1, 0.25), hair)
    disc(middle, 1.06, random.uniform(0.8, 1.0), random.uniform(0.55, 0.7), clothes)
    disc(middle, level + long / 2, broad * 0.42, 0.3, blended(skin, 0.85))
    disc(middle, level, broad, long, skin)
    for _ in range(random.randint(4, 9)):
        across = random.uniform(-broad, broad) * 0.42
        disc(middle + across, level - long * random.uniform(0.38, 0.5), broad * 0.42, long * 0.24, hair)
    apart, eyes = broad * random.uniform(0.19, 0.25), level - long * random.uniform(0.0, 0.07)
    for sign in (-1, 1):
        disc(middle + sign * apart, eyes, broad * 0.2, long * 0.07, "#ffffff")
        disc(middle + sign * apart, eyes, broad * 0.09, long * 0.07, "#26221f")
        disc(middle + sign * apart, eyes - long * random.uniform(0.08, 0.12), broad * 0.24, long * 0.03, hair)
    if random.random() < 0.3:
        for sign in (-1, 1):
            x, y = (middle + sign * apart) * width * 2, eyes * height * 2
            draw.ellipse(
                (x - broad * width * 0.3, y - width * 0.1, x + broad * width * 0.3, y + width * 0.1), None, "#333", 4
            )
    if random.random() < 0.25:
        disc(middle, level + long * 0.36, broad * 0.7, long * 0.28, hair)
    disc(middle, level + long * 0.12, broad * random.uniform(0.1, 0.18), long * 0.1, blended(skin, 0.85))
    disc(middle, level + long * 0.3, broad * random.uniform(0.28, 0.42), long * random.uniform(0.04, 0.08), "#8c3b3b")
    return image.resize((width, height), Image.Resampling.LANCZOS)


def signature(draw: ImageDraw.ImageDraw, random: Random, box: tuple[float, float, float, float], fill: str) -> None:
    left, top, right, bottom = box
    points: list[tuple[float, float]] = []
    x = left
    while x < right:
        points.append((x, random.uniform(top, bottom)))
        x += random.uniform(6, 22)
    draw.line(points, fill=fill, width=3, joint="curve")


def font(size: float) -> ImageFont.FreeTypeFont:
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


def blended(colour: str, share: float) -> str:
    """So much of a colour, on white."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)


# --- Forms ------------------------------------------------------------------------------------------------------------


def paper(layout: int, who: Person) -> bytes:
    """A form of a business as PDF, of one of ten offices; on some a signature, on some a table."""
    form = Random(f"form {layout}")
    body, left, size = FONTS[layout % 3], form.choice((56, 64, 72)), form.choice((10, 11, 12))
    fields = {
        "Register number": f"MR {who.number}",
        "Company": who.company,
        "Entered on": who.issued,
        "Seat": f"{who.street}, {who.city}",
        "Sole director": f"{who.given} {who.family}",
        "Born": who.born,
        "Share capital": f"{who.capital}, fully paid",
        "Object": "Consumer goods and advertising services",
    }
    labels = form.sample(list(fields), len(fields))
    step, top = form.choice((22, 26, 30)), form.choice((600, 640, 660))
    drawn = [
        pdf_text("F2", form.choice((16, 20, 22)), left, 760, FORM_TITLES[layout]),
        f"0.2 0.3 0.4 RG 1.5 w {left} 744 m 523 744 l S",
    ]
    drawn += [
        pdf_text("F1", 9, left, 724 - 13 * place, line)
        for place, line in enumerate(wrapped(form.sample(BOILERPLATE, 2), 92))
    ]
    for place, label in enumerate(labels):
        y = top - place * step
        drawn.append(pdf_text("F1", size, left, y, label))
        drawn.append(pdf_text("F1", size, left + 150, y, fields[label]))
        if layout % 2:
            drawn.append(f"0.5 G 0.6 w {left - 6} {y - step * 0.32:.1f} {523 - left + 6} {step} re S 0 G")
    y = top - len(labels) * step - 30
    drawn += [pdf_text("F1", 9, left, y - 13 * place, line) for place, line in enumerate(wrapped(BOILERPLATE, 92))]
    drawn += [
        f"0.7 0.15 0.15 RG 2 w 400 {form.randint(90, 160)} 110 80 re S",
        pdf_text("F2", 11, 412, 150, "REGISTRAR"),
    ]
    if layout % 3 != 1:
        path: list[str] = []
        hand, x = Random(who.look), left + 10.0
        while x < left + 150:
            path.append(f"{x:.1f} {hand.uniform(90, 130):.1f} {'l' if path else 'm'}")
            x += hand.uniform(4, 14)
        drawn.append(f"0.1 0.15 0.4 RG 1.4 w {' '.join(path)} S")
    return pdf_page(drawn, body=body)


def wrapped(sentences: list[str] | tuple[str, ...], width: int) -> list[str]:
    lines = [""]
    for word in " ".join(sentences).split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def printed(pdf: bytes) -> Image.Image:
    """As it comes out of a printer or scanner, at 150 dots an inch."""
    return pypdfium2.PdfDocument(pdf)[0].render(scale=150 / 72).to_pil().convert("RGB")


# --- Copies -----------------------------------------------------------------------------------------------------------


def recompressed(image: Image.Image, random: Random) -> bytes:
    return jpeg(image, random.randint(18, 50))


def downsized(image: Image.Image, random: Random) -> bytes:
    share = random.randint(500, 800) / max(image.size)
    return jpeg(image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS), 70)


def relit(image: Image.Image, random: Random) -> bytes:
    lighter = ImageEnhance.Brightness(image).enhance(
        random.choice((random.uniform(0.45, 0.75), random.uniform(1.1, 1.3)))
    )
    return jpeg(ImageEnhance.Contrast(lighter).enhance(random.uniform(0.6, 1.2)), 70)


def turned_by_quarters(image: Image.Image, random: Random) -> bytes:
    return jpeg(image.rotate(random.choice((90, 180, 270)), expand=True), 60)


def turned_a_little(image: Image.Image, random: Random) -> bytes:
    angle = random.choice((-1, 1)) * random.uniform(2, 12)
    fill = random.choice(("#000000", "#ffffff", "#777777"))
    return jpeg(image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=fill), 60)


def cut_off(image: Image.Image, random: Random) -> bytes:
    """Up to an eighth lost at each side."""
    cuts = [random.uniform(0.02, 0.125) for _ in range(4)]
    w, h = image.size
    return jpeg(image.crop((int(cuts[0] * w), int(cuts[1] * h), int((1 - cuts[2]) * w), int((1 - cuts[3]) * h))), 60)


def surrounded(image: Image.Image, random: Random) -> bytes:
    """On a table that takes up to half of the picture, straight."""
    margin = random.uniform(0.12, 0.22)
    w, h = image.size
    table = surface(random, round(w * (1 + 2 * margin)), round(h * (1 + 2 * margin)))
    table.paste(image, (round(w * margin * random.uniform(0.4, 1.6)), round(h * margin * random.uniform(0.4, 1.6))))
    return jpeg(table, 60)


def photographed(image: Image.Image, random: Random) -> bytes:
    """By hand on a table: tilted and turned by some degrees, unevenly lit, blurred, noisy, 1,600 pixels long."""
    w, h = image.size
    long = 1600
    scale = long * random.uniform(0.72, 0.9) / max(w, h)
    portrait_format = h > w
    width, height = (round(long * 0.75), long) if portrait_format else (long, round(long * 0.75))
    scale = min(scale, 0.92 * width / w, 0.92 * height / h)
    pitch, yaw, roll = (math.radians(random.uniform(-limit, limit)) for limit in (12, 12, 8))
    distance = 2.2 * max(w, h)
    rotation = (
        np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
        @ np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
        @ np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    )
    corners = []
    shift = (random.uniform(-0.02, 0.02) * width, random.uniform(-0.02, 0.02) * height)
    for x, y in ((0, 0), (w, 0), (w, h), (0, h)):
        px, py, pz = rotation @ np.array([x - w / 2, y - h / 2, 0.0])
        depth = distance / (distance + pz)
        corners.append((width / 2 + shift[0] + px * depth * scale, height / 2 + shift[1] + py * depth * scale))
    coefficients = perspective(corners, ((0, 0), (w, 0), (w, h), (0, h)))
    table = surface(random, width, height)
    tilted = image.transform((width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)
    mask = Image.new("L", image.size, 255).transform(
        (width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR
    )
    table.paste(tilted, mask=mask)
    shot = table.filter(ImageFilter.GaussianBlur(random.uniform(0.6, 1.6)))
    pixels: NDArray[Any] = np.asarray(shot, dtype=np.float32)
    across, down = np.linspace(-0.5, 0.5, width)[None, :, None], np.linspace(-0.5, 0.5, height)[:, None, None]
    towards = random.uniform(0, 2 * math.pi)
    shade = random.uniform(0.75, 1.05) + random.uniform(0.1, 0.45) * (
        across * math.cos(towards) + down * math.sin(towards)
    )
    dice = np.random.default_rng(random.getrandbits(32))
    pixels = pixels * shade + dice.normal(0, random.uniform(2, 8), (height, width, 1)).astype(np.float32)
    return jpeg(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), random.randint(45, 80))


def surface(random: Random, width: int, height: int) -> Image.Image:
    """A table: wood with its grain, cloth with its weave, or plain."""
    colour = ImageColor.getrgb(random.choice(("#5b4636", "#3e4347", "#8d7c6d", "#b9a58c", "#2b2b30", "#a8adb3")))
    dice = np.random.default_rng(random.getrandbits(32))
    kind = random.choice(("wood", "cloth", "plain"))
    small = dice.normal(0, 1, (height // 4 + 1, {"wood": 3, "cloth": width // 4 + 1, "plain": 2}[kind])).astype(
        np.float32
    )
    grain = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    strength = {"wood": 9, "cloth": 12, "plain": 1}[kind]
    pixels = np.array(colour, dtype=np.float32)[None, None] + strength * np.asarray(grain)[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def perspective(at: list[tuple[float, float]], of: tuple[tuple[float, float], ...]) -> list[float]:
    """What Pillow asks for: where each pixel of the new picture comes from."""
    rows, values = [], []
    for (x, y), (u, v) in zip(at, of, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(one) for one in np.linalg.solve(np.array(rows, dtype=float), np.array(values, dtype=float))]


def jpeg(image: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


COPIES: dict[str, Callable[[Image.Image, Random], bytes]] = {
    "recompressed": recompressed,
    "downsized": downsized,
    "lighter or darker": relit,
    "turned by quarters": turned_by_quarters,
    "turned by 2 to 12 degrees": turned_a_little,
    "cut off": cut_off,
    "on a table": surrounded,
    "photographed": photographed,
    "both photographed": photographed,
}


@dataclass(frozen=True)
class Order:
    """What is to be drawn, of one of `each` cards and as many forms."""

    seed: int
    each: int
    shows: int
    """The number of the person; cards come first."""
    kind: str = ""
    """How it is copied; "" for an original."""
    shot: bool = False
    """Whether an original is photographed, too."""

    @property
    def layout(self) -> str:
        return f"{'card' if self.shows < self.each else 'form'} {self.shows % LAYOUTS}"


@dataclass(frozen=True)
class Paper:
    """One file as it was sent in."""

    content: bytes
    media_type: str


def orders(seed: int, each: int, copies_of_each_kind: int) -> list[Order]:
    """`each` cards and as many forms, all of different people, then copies of some."""
    chosen = Random(f"{seed} copied")
    numbers = chosen.sample(range(each), copied := len(COPIES) * copies_of_each_kind // 2)
    numbers += chosen.sample(range(each, 2 * each), copied)
    kinds = {number: list(COPIES)[place % len(COPIES)] for place, number in enumerate(numbers)}
    originals = [Order(seed, each, number, "", kinds.get(number) == "both photographed") for number in range(2 * each)]
    return originals + [Order(seed, each, number, kind) for number, kind in kinds.items()]


def drawn(order: Order) -> Paper:
    seed, number = order.seed, order.shows
    who, layout = person(Random(f"{seed} person {number}")), number % LAYOUTS
    if number < order.each:
        image, pdf = card(layout, who), b""
    else:
        pdf = paper(layout, who)
        image = printed(pdf)
    if order.kind:
        return Paper(COPIES[order.kind](image, Random(f"{seed} copy {number}")), "image/jpeg")
    if order.shot:
        return Paper(photographed(image, Random(f"{seed} first {number}")), "image/jpeg")
    if pdf:
        return Paper(pdf, "application/pdf")
    out = BytesIO()
    image.quantize(128).save(out, "PNG")
    return Paper(out.getvalue(), "image/png")
