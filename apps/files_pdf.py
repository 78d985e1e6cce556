"""Run by `apps.files` as a process of its own: limits in the first argument, a PDF file on stdin.

Prints null where the file is harmless, otherwise what is wrong with it. Imports nothing of the project, and limits
itself before it touches the file: a few bytes of it may unpack to gigabytes.
"""

import json
import resource
import sys
from io import BytesIO

# Names of what acts by itself or carries other files.
ACTIVE = {"/JS", "/JavaScript", "/AA", "/Launch", "/EmbeddedFiles", "/EmbeddedFile", "/EF", "/RichMedia", "/XFA"}
ACTIVE_ACTIONS = {"/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR", "/Rendition"}
ACTIVE_TYPES = {"/EmbeddedFile", "/Filespec"}
# Readers look for the end mark within so many bytes of the end; what comes later belongs to some other file.
TAIL = 1024
MAX_OBJECTS = 100_000


def limit(seconds: int, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def wrong_with(content: bytes, pages: int) -> str | None:
    import pikepdf

    if b"%%EOF" not in content[-TAIL:]:
        return "trailing" if b"%%EOF" in content else "broken"
    try:
        pdf = pikepdf.open(BytesIO(content), attempt_recovery=False)
    except pikepdf.PasswordError:
        return "encrypted"
    except pikepdf.PdfError:
        return "broken"
    if pdf.is_encrypted:
        return "encrypted"
    if not 1 <= len(pdf.pages) <= pages:
        return "pages" if len(pdf.pages) else "broken"
    if len(pdf.objects) > MAX_OBJECTS:
        return "broken"
    opening = pdf.Root.get("/OpenAction")
    # To open at a certain page is harmless, and common.
    if isinstance(opening, pikepdf.Dictionary) and opening.get("/S") != pikepdf.Name("/GoTo"):
        return "active"
    return "active" if any(is_active(thing, 0) for thing in pdf.objects) else None


def is_active(thing: object, depth: int) -> bool:
    """Whether an object, or one written inside it, acts or carries files. References lead to objects of their own."""
    import pikepdf

    if depth > 50:
        return True
    if isinstance(thing, pikepdf.Stream):
        thing = thing.stream_dict
    if isinstance(thing, pikepdf.Dictionary):
        if ACTIVE & set(thing.keys()):
            return True
        if str(thing.get("/S", "")) in ACTIVE_ACTIONS or str(thing.get("/Type", "")) in ACTIVE_TYPES:
            return True
        parts = thing.values()
    elif isinstance(thing, pikepdf.Array):
        parts = thing
    else:
        return False
    return any(
        is_active(part, depth + 1)
        for part in parts
        if isinstance(part, (pikepdf.Dictionary, pikepdf.Array)) and not part.is_indirect
    )


def main() -> None:
    limits = json.loads(sys.argv[1])
    import pikepdf  # noqa: F401  # loaded while there is memory for it

    limit(limits["seconds"], limits["memory"])
    json.dump(wrong_with(sys.stdin.buffer.read(), limits["pages"]), sys.stdout)


if __name__ == "__main__":
    main()
