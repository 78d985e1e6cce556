"""Run by `apps.infra.files.uploads` as a process of its own: limits in the first argument, a PDF file on stdin.

Prints null where the file is harmless, otherwise what is wrong with it. Imports nothing of the project, and limits
itself before it touches the file: a few bytes of it may unpack to gigabytes.

What acts is judged by where readers look for it. The names that a producer gave to fonts, pictures, destinations or
states of a tick box mean nothing, and neither does a list of scripts or files that is empty.
"""

from __future__ import annotations

import json
import resource
import sys
from collections import defaultdict, deque
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2

# Readers look for the end mark within so many bytes of the end.
TAIL = 1024
MAX_OBJECTS = 100_000
DEEPEST = 50

# What an action does (/S) that nobody should have to trust, clicked or not.
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
# Dictionaries whose keys are names that the producer chose, or anybody else.
NAMED_BY_PRODUCER = {
    "/Font", "/XObject", "/ColorSpace", "/ExtGState", "/Pattern", "/Shading", "/Properties", "/CharProcs",
    "/Dests", "/Colorants", "/Info",
}  # fmt: skip
# What leads to paragraphs, whose kinds producers name as they like, and to notes of a producer for itself. Readers do
# nothing that is told there.
INERT_KEYS = {"/StructTreeRoot", "/SE", "/PieceInfo"}

KEYED = (pikepdf.Dictionary, pikepdf.Stream)
# How an object was come by, which tells what its keys mean.
PLAIN, NAMES, STATES, ACTION, TRIGGERS, BY_ITSELF, INERT = range(7)


def limit(seconds: int, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


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
    # One library looks through the file, the other draws it: both must see the same pages.
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
    # From its right end; what is inert waits at the left, and is looked at where nothing else leads to it.
    waiting: deque[tuple[Any, int]] = deque([(pdf.trailer, PLAIN)])
    roles: dict[tuple[int, int], set[int]] = defaultdict(set)
    while waiting:
        thing, role = waiting.pop()
        if thing.is_indirect:
            before = roles[thing.objgen]
            if role in before or (role == INERT and before):
                continue
            before.add(role)
        if isinstance(thing, pikepdf.Array):
            parts = [(part, role) for part in thing if isinstance(part, (pikepdf.Array, *KEYED))]
        elif _acts(thing, role):
            return True
        else:
            keyed = [(key, part) for key, part in thing.items() if isinstance(part, (pikepdf.Array, *KEYED))]
            parts = [(part, _role(key, part, role)) for key, part in keyed]
        waiting.extend(part for part in parts if part[1] != INERT)
        waiting.extendleft(part for part in parts if part[1] == INERT)
    # What nothing leads to is looked at as well: other readers may find a way where this one sees none.
    return any(
        _is_active_wherever_it_is(thing)
        for thing in pdf.objects
        if isinstance(thing, KEYED) and roles[thing.objgen] != {INERT}
    )


def _acts(thing: Any, role: int) -> bool:
    """Whether a dictionary or stream, come by in this role, acts or carries a file; its parts are judged alone."""
    if role in (NAMES, STATES):
        return False
    if role == INERT:
        return str(thing.get("/Type", "")) in ACTIVE_TYPES or _holds_something(thing.get("/EF"))
    does = str(thing.get("/S", ""))
    return (
        (role == BY_ITSELF and does not in HARMLESS_BY_ITSELF)
        or (role == ACTION and does in ACTIVE_ACTIONS)
        or _is_active_wherever_it_is(thing)
        or str(thing.get("/Subtype", "")) in ACTIVE_ANNOTATIONS
        or any(_has_entries(thing.get(key)) for key in ACTIVE_TREES)
        or any(_holds_something(thing.get(key)) for key in ("/XFA", "/EF"))
        or _is_script(thing.get("/JS"))
    )


def _is_active_wherever_it_is(thing: Any) -> bool:
    kind = str(thing.get("/Type", ""))
    # Producers name the kinds of their paragraphs as they like.
    return kind in ACTIVE_TYPES or (kind != "/StructElem" and str(thing.get("/S", "")) in ACTIVE_ACTIONS)


def _role(key: str, part: Any, role: int) -> int:
    """What the value of a key is, in a dictionary that was come by in `role`."""
    if role == NAMES:
        return PLAIN
    if role == STATES:
        # The looks of a widget, or of each of its states by the producer's name.
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
        _holds_something(tree.get("/Names"))
        or (isinstance(kids, pikepdf.Array) and any(_has_entries(kid, depth + 1) for kid in kids))
    )


def _holds_something(value: Any) -> bool:
    if isinstance(value, (pikepdf.Array, pikepdf.Dictionary)):
        return len(value) > 0
    return value is not None


def _is_script(value: Any) -> bool:
    return isinstance(value, (pikepdf.String, pikepdf.Stream))


def main() -> None:
    limits = json.loads(sys.argv[1])
    limit(limits["seconds"], limits["memory"])
    json.dump(wrong_with(sys.stdin.buffer.read(), limits["pages"]), sys.stdout)


if __name__ == "__main__":
    main()
