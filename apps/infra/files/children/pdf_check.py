"""Checks a PDF file: writes null where it is harmless, otherwise what is wrong with it.

A few bytes of a file may unpack to gigabytes. What is active depends on where readers search for it. The names that a
producer gave to fonts, pictures, destinations or states of a tick box mean nothing, and neither does a list of scripts
or files that is empty.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict, deque
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2

from apps.infra.files.children.limits import limit

# Readers look for the end mark within so many bytes of the end.
TAIL = 1024
MAX_OBJECTS = 100_000
DEEPEST = 50

# What an action does (/S) that no reader should have to trust, clicked or not.
ACTIVE_ACTIONS = {
    "/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR", "/Rendition", "/RichMediaExecute",
}  # fmt: skip
# What may happen by itself: a page is turned to.
HARMLESS_BY_ITSELF = {"", "/GoTo"}
# Comments on a page that play, or hold a file.
ACTIVE_ANNOTATIONS = {"/RichMedia", "/FileAttachment", "/Movie", "/Sound", "/3D"}
ACTIVE_TYPES = {"/EmbeddedFile", "/Filespec"}
# Lists of scripts and of files, by name.
ACTIVE_TREES = {"/JavaScript", "/EmbeddedFiles"}
# Dictionaries whose keys are names that the producer chose, or any other author.
NAMED_BY_PRODUCER = {
    "/Font", "/XObject", "/ColorSpace", "/ExtGState", "/Pattern", "/Shading", "/Properties", "/CharProcs",
    "/Dests", "/Colorants", "/Info",
}  # fmt: skip
# What leads to paragraphs, whose kinds producers name as they like, and to notes of a producer for itself. Readers do
# nothing that stands there.
INERT_KEYS = {"/StructTreeRoot", "/SE", "/PieceInfo"}

KEYED = (pikepdf.Dictionary, pikepdf.Stream)
# How an object was come by, which says what its keys mean.
PLAIN, NAMES, STATES, ACTION, TRIGGERS, BY_ITSELF, INERT = range(7)


def wrong_with(content: bytes, pages: int) -> str | None:
    _, end, tail = content.rpartition(b"%%EOF")
    if not end:
        return "broken"
    # Servers leave a line of text behind now and then; what is longer, or no text, is some other file.
    if len(tail) > TAIL or not (tail.isascii() and all(byte >= 32 or byte in b"\t\r\n\f" for byte in tail)):
        return "trailing"
    try:
        # Opens without a password also what only restricts printing and the like.
        pdf = pikepdf.open(BytesIO(content), attempt_recovery=False)
    except pikepdf.PasswordError:
        return "encrypted"
    except pikepdf.PdfError as error:
        return "encrypted" if "encryption" in str(error) else "broken"
    if len(pdf.objects) > MAX_OBJECTS:
        return "broken"
    try:
        count = leaves(pdf.Root.get("/Pages"), set())
        drawn = pypdfium2.PdfDocument(content)
    except (AttributeError, pypdfium2.PdfiumError):
        return "broken"
    except Miscounted:
        return "miscounted"
    if not count:
        return "broken"
    # One library reads through the file, the other draws it: both must see the same pages.
    if not count == len(pdf.pages) == len(drawn):
        return "miscounted"
    if count > pages:
        return "pages"
    try:
        for number in range(count):
            drawn.get_page_size(number)
    except pypdfium2.PdfiumError:
        return "miscounted"
    return "active" if is_active(pdf) else None


class Miscounted(Exception):
    """A page tree that does not hold what it says."""


def leaves(node: Any, seen: set[tuple[int, int]]) -> int:
    """The number of pages below a node of the page tree. Raises `Miscounted`."""
    if not isinstance(node, pikepdf.Dictionary) or len(seen) > MAX_OBJECTS:
        raise Miscounted
    kids = node.get("/Kids")
    if not isinstance(kids, pikepdf.Array):
        return 1
    if node.objgen in seen:
        raise Miscounted
    seen.add(node.objgen)
    count = sum(leaves(kid, seen) for kid in kids)
    if node.get("/Count") != count:
        raise Miscounted
    return count


def is_active(pdf: pikepdf.Pdf) -> bool:
    """Whether anything in a file acts, or carries another file."""
    # From its right end; what is inert waits at the left, and is checked where nothing else leads to it.
    waiting: deque[tuple[Any, int]] = deque([(pdf.trailer, PLAIN)])
    roles: dict[tuple[int, int], set[int]] = defaultdict(set)
    while waiting:
        node, role = waiting.pop()
        if node.is_indirect:
            before = roles[node.objgen]
            if role in before or (role == INERT and before):
                continue
            before.add(role)
        if isinstance(node, pikepdf.Array):
            parts = [(part, role) for part in node if isinstance(part, (pikepdf.Array, *KEYED))]
        elif _acts(node, role):
            return True
        else:
            keyed = [(key, part) for key, part in node.items() if isinstance(part, (pikepdf.Array, *KEYED))]
            parts = [(part, _role(key, part, role)) for key, part in keyed]
        waiting.extend(part for part in parts if part[1] != INERT)
        waiting.extendleft(part for part in parts if part[1] == INERT)
    # What nothing leads to is checked as well: other readers may find a way where this one sees none.
    return any(
        _is_active_wherever_it_is(node)
        for node in pdf.objects
        if isinstance(node, KEYED) and roles[node.objgen] != {INERT}
    )


def _acts(node: Any, role: int) -> bool:
    """Whether a dictionary or stream, in this role, acts or carries a file; its parts are checked by themselves."""
    if role in (NAMES, STATES):
        return False
    if role == INERT:
        return str(node.get("/Type", "")) in ACTIVE_TYPES or _has_content(node.get("/EF"))
    does = str(node.get("/S", ""))
    return (
        (role == BY_ITSELF and does not in HARMLESS_BY_ITSELF)
        or (role == ACTION and does in ACTIVE_ACTIONS)
        or _is_active_wherever_it_is(node)
        or str(node.get("/Subtype", "")) in ACTIVE_ANNOTATIONS
        or any(_has_entries(node.get(key)) for key in ACTIVE_TREES)
        or any(_has_content(node.get(key)) for key in ("/XFA", "/EF"))
        or _is_script(node.get("/JS"))
    )


def _is_active_wherever_it_is(node: Any) -> bool:
    kind = str(node.get("/Type", ""))
    # Producers name the kinds of their paragraphs as they like.
    return kind in ACTIVE_TYPES or (kind != "/StructElem" and str(node.get("/S", "")) in ACTIVE_ACTIONS)


def _role(key: str, part: Any, role: int) -> int:
    """What the value of a key is, in a dictionary that was come by in `role`."""
    if role == NAMES:
        return PLAIN
    if role == STATES:
        # The appearance of a widget, or of each of its states by the producer's name.
        return PLAIN if isinstance(part, pikepdf.Stream) else NAMES
    if role == INERT or key in INERT_KEYS:
        return INERT
    if key == "/AP":
        return STATES
    if key in NAMED_BY_PRODUCER and isinstance(part, pikepdf.Dictionary):
        return NAMES
    if key == "/OpenAction" or role == TRIGGERS or (role == BY_ITSELF and key == "/Next"):
        return BY_ITSELF
    if key == "/AA":
        return TRIGGERS
    return ACTION if key in ("/A", "/PA", "/Next") else PLAIN


def _has_entries(tree: Any, depth: int = 0) -> bool:
    """Whether a name tree holds anything."""
    if not isinstance(tree, pikepdf.Dictionary):
        return False
    kids = tree.get("/Kids")
    return depth > DEEPEST or (
        _has_content(tree.get("/Names"))
        or (isinstance(kids, pikepdf.Array) and any(_has_entries(kid, depth + 1) for kid in kids))
    )


def _has_content(value: Any) -> bool:
    if isinstance(value, (pikepdf.Array, pikepdf.Dictionary)):
        return len(value) > 0
    return value is not None


def _is_script(value: Any) -> bool:
    return isinstance(value, (pikepdf.String, pikepdf.Stream))


def main(order: dict[str, Any]) -> None:
    limit(order["seconds"], order["memory"])
    json.dump(wrong_with(sys.stdin.buffer.read(), order["pages"]), sys.stdout)
