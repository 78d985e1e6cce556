"""Pages of a PDF, drawn by PDFium."""

from __future__ import annotations

import pypdfium2
from PIL import Image

from apps.infra.files.children.bounds import Bounds, drawn_size
from apps.infra.files.children.pdf_forms import with_whole_form


def opened_pdf(content: bytes) -> pypdfium2.PdfDocument:
    """With its form, so that what is filled in is drawn."""
    pdf = pypdfium2.PdfDocument(with_whole_form(content))
    pdf.init_forms()
    return pdf


def drawn_page(content: bytes, page: int, most: int, bounds: Bounds) -> Image.Image | None:
    """None where there is no such page among the first `most`."""
    pdf = opened_pdf(content)
    if not 1 <= page <= min(len(pdf), most):
        return None
    leaf = pdf[page - 1]
    left, bottom, right, top = leaf.get_mediabox()
    crop = leaf.get_cropbox()
    if min(right, crop[2]) <= max(left, crop[0]) or min(top, crop[3]) <= max(bottom, crop[1]):
        # Cut off to nothing: readers show all of it.
        leaf.set_cropbox(left, bottom, right, top)
    width, height = leaf.get_size()
    drawn = drawn_size(width, height, bounds, enlarged=4)
    return leaf.render(scale=max(drawn) / max(width, height, 1)).to_pil()
