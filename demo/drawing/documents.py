"""Documents that users send in: identity cards as pictures, documents of businesses as PDF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO
from random import Random

import cv2
import numpy as np
import pikepdf
from PIL import Image, ImageColor, ImageDraw, ImageFilter

from demo.drawing.brushes import Size, font, gradient, jpeg, png
from demo.drawing.people import face

CARD: Size = (1000, 630)


@dataclass(frozen=True)
class Holder:
    """The user whom an identity card is for."""

    name: str
    born: date = date(1994, 5, 17)
    expires: date = date(2031, 5, 16)
    number: str = "X4T28K91"


def identity_card(random: Random, holder: Holder, *, flaw: str = "", media_type: str = "image/png") -> bytes:
    """A card of a country that does not exist, as PNG or JPEG. `flaw` is "", "blurred", "cut off" or "pasted"."""
    image = _blank_card().copy()
    draw = ImageDraw.Draw(image)
    image.paste(face(random, 280), (40, 130))
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
        draw.text((360, top), label, fill="#52707f", font=font(18))
        altered = flaw == "pasted" and label == "Family name"
        if altered:
            draw.rectangle((352, top + 22, 640, top + 60), fill="#f4f4f4")
        draw.text((360, top + 22), value, fill="#111111" if altered else "#16303d", font=font(36 if altered else 30))
    strip = f"IDMER{family}<<{'<'.join(given)}".upper()
    for place, line in enumerate((strip, f"{holder.number}<{holder.born:%y%m%d}<{holder.expires:%y%m%d}")):
        for column, letter in enumerate(line.ljust(36, "<")[:36]):
            draw.text((54 + column * 25.5, 530 + place * 52), letter, fill="#222222", font=font(26), anchor="mm")
    if flaw == "blurred":
        image = image.filter(ImageFilter.GaussianBlur(9))
    image = _on_a_desk(image, random)
    if flaw == "cut off":
        image = image.crop((0, 0, image.width * 5 // 9, image.height))
    return png(image) if media_type == "image/png" else jpeg(image)


@cache
def _blank_card() -> Image.Image:
    image = gradient(CARD, "#eef4f8", "#c9dbe6")
    draw = ImageDraw.Draw(image)
    for wave in range(24):
        top = wave * 30 - 40
        draw.arc((-200, top, CARD[0] + 200, top + 160), 0, 180, fill="#b6cddb", width=2)
    draw.rectangle((0, 0, CARD[0], 92), fill="#1f4e6b")
    draw.text((40, 46), "REPUBLIC OF MERIDIA", fill="white", font=font(38), anchor="lm")
    draw.text((CARD[0] - 40, 46), "IDENTITY CARD", fill="#cfe3ee", font=font(28), anchor="rm")
    draw.rectangle((0, 490, CARD[0], CARD[1]), fill="#f7f9fa")
    return image


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
    turned = cv2.getRotationMatrix2D((desk.width / 2, desk.height / 2), random.uniform(-1.5, 1.5), 1)
    # In a fourth of the time that Pillow takes.
    turned_desk = cv2.warpAffine(np.asarray(desk), turned, desk.size, borderValue=ImageColor.getrgb(colour))
    return Image.fromarray(turned_desk)
