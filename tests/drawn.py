"""Files as people send them in: drawn here, honest and hostile."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any

import pikepdf
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> bytes:
    out = BytesIO()
    Image.new(mode, size, "teal" if mode.startswith("RGB") else 0).save(out, kind, **options)
    return out.getvalue()


def png() -> bytes:
    return picture()


def moving(kind: str) -> bytes:
    out = BytesIO()
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "green", "blue")]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of a few hundred bytes that claims ten thousand million pixels."""
    content = bytearray(png())
    content[16:24] = (100_000).to_bytes(4) * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    return bytes(content)


def pdf(pages: int = 1, **options: Any) -> bytes:
    return pdf_with(lambda _document: None, pages=pages, **options)


def pdf_with(change: Any, pages: int = 1, **options: Any) -> bytes:
    out = BytesIO()
    document = pikepdf.new()
    for _page in range(pages):
        document.add_blank_page(page_size=(200, 200))
    change(document)
    document.save(out, **options)
    return out.getvalue()


def flate_bomb() -> bytes:
    """A PDF whose object stream unpacks to more than any process should have."""
    packer = zlib.compressobj(9)
    # What comes after a full flush depends on nothing before it, so it can be repeated.
    first = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = first + again * 1500
    parts = [b"%PDF-1.5\n"]
    places = []

    def add(number: int, body: bytes) -> None:
        places.append(sum(map(len, parts)))
        parts.append(b"%d 0 obj\n%b\nendobj\n" % (number, body))

    stream = b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n%b\nendstream"
    add(1, stream % (len(packed), packed))
    start = sum(map(len, parts))
    rows = b"\x00\x00\x00\x00\x00\xff" + b"\x01" + places[0].to_bytes(4) + b"\x00" + b"\x02" + (1).to_bytes(4) + b"\x00"
    table = b"<</Type/XRef/Size 3/W[1 4 1]/Root 2 0 R/Length %d>>\nstream\n%b\nendstream" % (len(rows), rows)
    parts.append(b"3 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, start))
    return b"".join(parts)


def mp4(brand: bytes = b"isom", size: int = 200) -> bytes:
    box = (24).to_bytes(4) + b"ftyp" + brand + (512).to_bytes(4) + brand + brand
    return box + (size - len(box)).to_bytes(4) + b"mdat" + bytes(size - len(box) - 8)


def webm(doc_type: bytes = b"webm", size: int = 200) -> bytes:
    head = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08"
    head += b"\x42\x82" + bytes([0x80 | len(doc_type)]) + doc_type
    return head + bytes(size - len(head))


def upload(content: bytes, name: str = "holiday.png", media_type: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, media_type)
