"""Draws a page of a document, or inspects the document."""

from __future__ import annotations

import json
import sys
from io import BytesIO
from typing import Any

from PIL import Image, ImageOps, WebPImagePlugin  # noqa: F401 - asked for a kind that is not loaded, Pillow loads all it has

from apps.infra.files.children.bounds import Bounds, drawn_size
from apps.infra.files.children.limits import limit
from apps.infra.files.children.watermark import marked

NO_SUCH_PAGE = 3
# WebP knows no longer sides.
WEBP_SIDE = 16_383
FILE_SIZE = 64 * 1024 * 1024


def main(order: dict[str, Any]) -> None:
    is_pdf = order["media_type"] == "application/pdf"
    if is_pdf:
        # Loaded while there is memory for it.
        from apps.infra.files.children import pdf_letters, pdf_pages
    Image.MAX_IMAGE_PIXELS = 60_000_000
    limit(order["seconds"], order["memory"], file_size=FILE_SIZE)
    content = sys.stdin.buffer.read()

    def picture(page: int, bounds: Bounds) -> Image.Image:
        drawn = pdf_pages.drawn_page(content, page, order["max_pages"], bounds) if is_pdf else None
        if not is_pdf and page == 1:
            drawn = drawn_picture(content, bounds)
        if drawn is None:
            sys.exit(NO_SUCH_PAGE)
        return flat(drawn)

    if order["do"] == "inspect":
        pages, missing = 1, False
        if is_pdf:
            pages = min(len(pdf_pages.opened_pdf(content)), order["max_pages"])
        picture(1, Bounds(800, 0))
        if is_pdf:
            missing = pdf_letters.letters_missing(content, order["max_pages"], order["seconds"] / 3)
        answer = {"pages": pages, "letters_missing": missing}
        sys.stdout.buffer.write(json.dumps(answer).encode())
        return

    image = picture(order["page"], Bounds(order["max_side"], order["max_short"]))
    if order["watermark"]:
        image = marked(image, order["watermark"])
    out = BytesIO()
    if max(image.size) > WEBP_SIDE:
        image.save(out, "JPEG", quality=85)
    else:
        image.save(out, "WEBP", quality=88, method=order["effort"])
    sys.stdout.buffer.write(out.getvalue())


def drawn_picture(content: bytes, bounds: Bounds) -> Image.Image:
    """A picture file, upright and within the bounds."""
    opened = Image.open(BytesIO(content), formats=["PNG", "JPEG", "WEBP"])
    size = drawn_size(*opened.size, bounds, enlarged=1)
    opened.draft("RGB", size)
    image = ImageOps.exif_transpose(opened)
    image.thumbnail(drawn_size(*image.size, bounds, enlarged=1))
    return image


def flat(image: Image.Image) -> Image.Image:
    """On white, so that what is transparent does not hide."""
    if image.mode == "RGB":
        return image
    image = image.convert("RGBA")
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground
