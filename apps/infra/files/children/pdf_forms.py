"""The fields of a PDF's form: given what PDFium needs to draw them, and read."""

from __future__ import annotations

import unicodedata
from io import BytesIO
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, String

# Flags of a field: not shown by 2 nor by 32 on the screen; shown as asterisks.
HIDDEN = 2 | 32
PASSWORD = 1 << 13


def with_whole_form(content: bytes) -> bytes:
    """The file with a form around its widgets where there is none, since PDFium draws no widget outside of one.

    A widget that belongs to no field is drawn as a stamp; a field needs a name, a tick the state of its value, and one
    that PDFium is to draw itself the state that it knows.
    """
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
        appearance = widget.get("/AP")
        states = appearance.get("/N") if isinstance(appearance, Dictionary) else None
        if isinstance(states, Dictionary) and not isinstance(states, pikepdf.Stream) and "/AS" not in widget:
            value = str(inherited(widget, "/V"))
            widget.AS = Name(value if value in states else "/Off")
            changed = True
        changed = renamed_on(widget) or changed
        if inherited(widget, "/FT") is None:
            widget.Subtype = Name.Stamp
            changed = True
        elif inherited(widget, "/T") is None:
            widget.T = String(f"field {number}")
            changed = True
    if not changed:
        return content
    out = BytesIO()
    pdf.save(out)
    return out.getvalue()


def widgets_of(page: Any) -> list[Any]:
    annotations = page.obj.get("/Annots", [])
    return [one for one in annotations if isinstance(one, Dictionary) and one.get("/Subtype") == Name.Widget]


def renamed_on(widget: Any) -> bool:
    """Whether a tick or radio button that is on, and has no appearance for that, was given the name `Yes`.

    PDFium draws no other.
    """
    state = widget.get("/AS", widget.get("/V"))
    if inherited(widget, "/FT") != Name.Btn or not isinstance(state, Name) or state == Name.Off:
        return False
    appearance = widget.get("/AP", Dictionary())
    states = appearance.get("/N") if isinstance(appearance, Dictionary) else None
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
    for _ in range(32):
        if not isinstance(field, pikepdf.Dictionary):
            break
        if key in field:
            return field
        field = field.get("/Parent")
    return default


def letters_filled_in(content: bytes, most: int) -> dict[int, set[str]]:
    """By page from 0, the letters in fields that say nothing of their appearance, which PDFium is to draw itself."""
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
    """What is written into a field, or chosen, as it is shown."""
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
