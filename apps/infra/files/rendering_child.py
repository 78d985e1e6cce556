"""Run by `rendering` as a process of its own: order in the first argument, file on stdin, answer on stdout.

Imports nothing of the project, and limits itself before it touches the file.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import unicodedata
from collections import Counter
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont, ImageOps

if TYPE_CHECKING:
    import pypdfium2

NO_SUCH_PAGE = 3
# WebP knows no longer sides, browsers draw no much longer ones.
WEBP_SIDE = 16_383
LONGEST_SIDE = 32_000
MOST_PIXELS = 30_000_000
MOST_LETTERS = 100_000
INVISIBLE = 3
"""How scanners write what they read beneath the picture of it."""
# Flags of a field: not shown by 2 nor by 32 on the screen; shown as asterisks.
HIDDEN = 2 | 32
PASSWORD = 1 << 13

SLANT = 24
"""Degrees by which the watermark rises."""


def limit(seconds: int, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024 * 1024, 64 * 1024 * 1024))
    if resource.getrlimit(resource.RLIMIT_NPROC)[0] != 0:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def main() -> None:
    order = json.loads(sys.argv[1])
    is_pdf = order["media_type"] == "application/pdf"
    if is_pdf:
        # Loaded while there is memory for it.
        import pikepdf  # noqa: F401
        import pypdfium2  # noqa: F401
    Image.MAX_IMAGE_PIXELS = 60_000_000
    limit(order["seconds"], order["memory"])
    content = sys.stdin.buffer.read()

    def picture(page: int, bounds: Bounds) -> Image.Image:
        if is_pdf:
            return flat(drawn_page(content, page, order["max_pages"], bounds))
        if page != 1:
            sys.exit(NO_SUCH_PAGE)
        opened = Image.open(BytesIO(content), formats=["PNG", "JPEG", "WEBP"])
        size = drawn_size(*opened.size, bounds, enlarged=1)
        opened.draft("RGB", size)
        image = ImageOps.exif_transpose(opened)
        image.thumbnail(drawn_size(*image.size, bounds, enlarged=1))
        return flat(image)

    if order["do"] == "inspect":
        pages = 1
        if is_pdf:
            pages = min(len(opened_pdf(content)), order["max_pages"])
        picture(1, Bounds(800, 0))
        missing = is_pdf and letters_missing(content, order["max_pages"], order["seconds"] / 3)
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


class Bounds(NamedTuple):
    """How large a page is drawn."""

    side: int
    """The longer side, in pixels."""
    short: int
    """The shorter side of what is so long that nobody could read it otherwise; the longer one then has as it needs."""


def drawn_size(width: float, height: float, bounds: Bounds, *, enlarged: float) -> tuple[int, int]:
    """The size in pixels at which something is drawn, at most `enlarged` times its own."""
    long, short = max(width, height, 1), max(min(width, height), 1)
    scale = max(bounds.side / long, min(bounds.short / short, LONGEST_SIDE / long, (MOST_PIXELS / long / short) ** 0.5))
    scale = min(scale, enlarged)
    return max(1, round(width * scale)), max(1, round(height * scale))


def flat(image: Image.Image) -> Image.Image:
    """On white, so that what is transparent does not hide."""
    if image.mode == "RGB":
        return image
    image = image.convert("RGBA")
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


# --- PDF --------------------------------------------------------------------------------------------------------------


def opened_pdf(content: bytes) -> pypdfium2.PdfDocument:
    """With its form, so that what people filled in is drawn."""
    import pypdfium2

    pdf = pypdfium2.PdfDocument(with_whole_form(content))
    pdf.init_forms()
    return pdf


def drawn_page(content: bytes, page: int, most: int, bounds: Bounds) -> Image.Image:
    pdf = opened_pdf(content)
    if not 1 <= page <= min(len(pdf), most):
        sys.exit(NO_SUCH_PAGE)
    leaf = pdf[page - 1]
    left, bottom, right, top = leaf.get_mediabox()
    crop = leaf.get_cropbox()
    if min(right, crop[2]) <= max(left, crop[0]) or min(top, crop[3]) <= max(bottom, crop[1]):
        # Cut off to nothing: readers show all of it.
        leaf.set_cropbox(left, bottom, right, top)
    width, height = leaf.get_size()
    drawn = drawn_size(width, height, bounds, enlarged=4)
    return leaf.render(scale=max(drawn) / max(width, height, 1)).to_pil()


def with_whole_form(content: bytes) -> bytes:
    """The file with a form around its widgets where there is none, since PDFium draws no widget outside of one.

    A widget that belongs to no field is drawn as a stamp; a field needs a name, a tick the state of its value, and one
    that PDFium is to draw itself the state that it knows.
    """
    import pikepdf
    from pikepdf import Array, Dictionary, Name

    try:
        pdf = pikepdf.open(BytesIO(content))
        widgets = [one for page in pdf.pages for one in widgets_of(page)]
    except (pikepdf.PdfError, TypeError, AttributeError, ValueError):
        return content
    changed = False
    if widgets and not isinstance(pdf.Root.get("/AcroForm"), Dictionary):
        pdf.Root.AcroForm = Dictionary(Fields=Array([]))
        changed = True
    for number, widget in enumerate(widgets):
        looks = widget.get("/AP")
        states = looks.get("/N") if isinstance(looks, Dictionary) else None
        if isinstance(states, Dictionary) and not isinstance(states, pikepdf.Stream) and "/AS" not in widget:
            value = str(inherited(widget, "/V"))
            widget.AS = Name(value if value in states else "/Off")
            changed = True
        changed = renamed_on(widget) or changed
        if inherited(widget, "/FT") is None:
            widget.Subtype = Name.Stamp
            changed = True
        elif inherited(widget, "/T") is None:
            widget.T = pikepdf.String(f"field {number}")
            changed = True
    if not changed:
        return content
    out = BytesIO()
    pdf.save(out)
    return out.getvalue()


def widgets_of(page: Any) -> list[Any]:
    from pikepdf import Dictionary, Name

    annotations = page.obj.get("/Annots", [])
    return [one for one in annotations if isinstance(one, Dictionary) and one.get("/Subtype") == Name.Widget]


def renamed_on(widget: Any) -> bool:
    """Whether a tick or radio button that is on, and has no looks for that, was given the only name by which PDFium
    draws it."""
    import pikepdf
    from pikepdf import Dictionary, Name

    state = widget.get("/AS", widget.get("/V"))
    if inherited(widget, "/FT") != Name.Btn or not isinstance(state, Name) or state == Name.Off:
        return False
    looks = widget.get("/AP", Dictionary())
    states = looks.get("/N") if isinstance(looks, Dictionary) else None
    if isinstance(states, pikepdf.Stream) or (
        isinstance(states, Dictionary) and isinstance(states.get(str(state)), pikepdf.Stream)
    ):
        return False
    widget.AS = Name.Yes
    if "/AP" in widget:
        del widget.AP
    holder(widget, "/V", widget).V = Name.Yes
    # With these, it would go by its place among them.
    if (options := holder(widget, "/Opt")) is not None:
        del options.Opt
    return True


def inherited(field: Any, key: str) -> Any:
    """What a field of a form, or one above it, says."""
    found = holder(field, key)
    return None if found is None else found.get(key)


def holder(field: Any, key: str, default: Any = None) -> Any:
    """The field that says this: a field of a form or one above it."""
    import pikepdf

    for _ in range(32):
        if not isinstance(field, pikepdf.Dictionary):
            break
        if key in field:
            return field
        field = field.get("/Parent")
    return default


def letters_missing(content: bytes, most: int, until: float) -> bool:
    """Whether some letters are not drawn, since the file leaves their font to the reader and there is none here.

    Looks no further once the process has had `until` seconds.
    """
    from pypdfium2 import raw

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


def letters_filled_in(content: bytes, most: int) -> dict[int, set[str]]:
    """By page from 0, the letters in fields that say nothing of their looks, so that PDFium is to draw them itself."""
    import pikepdf
    from pikepdf import Dictionary

    try:
        pdf = pikepdf.open(BytesIO(content))
        form = pdf.Root.get("/AcroForm")
        anew = isinstance(form, Dictionary) and bool(form.get("/NeedAppearances"))
        return {
            number: {
                letter
                for widget in widgets_of(page)
                if anew or not isinstance(widget.get("/AP"), Dictionary)
                for letter in plain_letters(shown_value(widget))
            }
            for number, page in enumerate(pdf.pages[:most])
        }
    except (pikepdf.PdfError, TypeError, AttributeError, ValueError):
        return {}


def shown_value(widget: Any) -> str:
    """What somebody wrote into a field, or chose, as it is to be seen."""
    from pikepdf import Array, Name, String

    kind, value = inherited(widget, "/FT"), inherited(widget, "/V")
    of_widget, of_field = widget.get("/F"), inherited(widget, "/Ff")
    hidden = isinstance(of_widget, int) and of_widget & HIDDEN
    secret = kind == Name.Tx and isinstance(of_field, int) and of_field & PASSWORD
    if hidden or secret or kind not in (Name.Tx, Name.Ch) or not isinstance(value, String):
        return ""
    # A choice is kept by its code where it has one.
    options = inherited(widget, "/Opt")
    for option in options if isinstance(options, Array) else ():
        if isinstance(option, Array) and len(option) == 2 and option[0] == value:
            return str(option[1])
    return str(value)


def plain_letters(text: str) -> set[str]:
    return {letter for letter in unicodedata.normalize("NFKC", text) if letter.isalnum()}


def undrawn(text: Any, most: int, known: dict[tuple[int, int], bool]) -> bool:
    """Whether one of the first letters of a page has no glyph; `known` keeps which have one, by their font."""
    import ctypes

    from pypdfium2 import raw

    for index in range(min(text.count_chars(), most)):
        letter = raw.FPDFText_GetUnicode(text, index)
        thing = raw.FPDFText_GetTextObject(text, index)
        if letter <= 32 or not thing or raw.FPDFTextObj_GetTextRenderMode(thing) == INVISIBLE:
            continue
        font = raw.FPDFTextObj_GetFont(thing)
        if raw.FPDFFont_GetIsEmbedded(font) != 0:
            continue
        place = (ctypes.cast(font, ctypes.c_void_p).value or 0, letter)
        if place not in known:
            path = raw.FPDFFont_GetGlyphPath(font, letter, 12.0)
            known[place] = bool(path) and raw.FPDFGlyphPath_CountGlyphSegments(path) > 0
            if not known[place]:
                return True
    return False


def marked(image: Image.Image, text: str) -> Image.Image:
    """The picture with `text` slanted across all of it: none of it can be cut out unmarked, no line is covered."""
    # By the longer side, unless the words would then not fit into the width of what is very long.
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


if __name__ == "__main__":
    main()
