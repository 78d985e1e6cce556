"""Letters of a PDF that are not drawn: their font is left to the reader, and there is none here."""

from __future__ import annotations

import ctypes
import time
from collections import Counter
from typing import Any

from pypdfium2 import raw

from apps.infra.files.children.pdf_forms import letters_filled_in, plain_letters
from apps.infra.files.children.pdf_pages import opened_pdf

MOST_LETTERS = 100_000
INVISIBLE = 3
"""How scanners write what they read beneath the picture of it."""


def letters_missing(content: bytes, most: int, until: float) -> bool:
    """Whether some letters are not drawn, since the file leaves their font to the reader and there is none here.

    Reads no further once the process has had `until` seconds.
    """
    pdf = opened_pdf(content)
    filled_in = letters_filled_in(content, most)
    known: dict[tuple[int, int], bool] = {}
    pages = min(len(pdf), most)
    for number in range(pages):
        if time.process_time() > until:
            break
        page = pdf[number]
        before = Counter(page.get_textpage().get_text_range())
        # What fields and notes say becomes text of the page; of what they cannot say, PDFium leaves letters out.
        raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
        text = pdf[number].get_textpage()
        drawn = Counter(text.get_text_range()) - before
        if filled_in.get(number, set()) - plain_letters("".join(drawn)):
            return True
        if undrawn(text, MOST_LETTERS // pages, known):
            return True
    return False


def undrawn(text: Any, most: int, known: dict[tuple[int, int], bool]) -> bool:
    """Whether one of the first letters of a page has no glyph; `known` keeps which have one, by their font."""
    for index in range(min(text.count_chars(), most)):
        letter = raw.FPDFText_GetUnicode(text, index)
        text_object = raw.FPDFText_GetTextObject(text, index)
        if letter <= 32 or not text_object or raw.FPDFTextObj_GetTextRenderMode(text_object) == INVISIBLE:
            continue
        font = raw.FPDFTextObj_GetFont(text_object)
        if raw.FPDFFont_GetIsEmbedded(font) != 0:
            continue
        place = (ctypes.cast(font, ctypes.c_void_p).value or 0, letter)
        if place not in known:
            path = raw.FPDFFont_GetGlyphPath(font, letter, 12.0)
            known[place] = bool(path) and raw.FPDFGlyphPath_CountGlyphSegments(path) > 0
            if not known[place]:
                return True
    return False
