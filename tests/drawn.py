"""Files as people send them in: drawn here, honest and hostile."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any

import pikepdf
from django.core.files.uploadedfile import SimpleUploadedFile
from pikepdf import Array, Dictionary, Name
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


FIELDS = {
    "text": (20, 340, 280, 380),
    "kid": (20, 280, 280, 320),
    "choice": (20, 230, 280, 270),
    "tick": (20, 180, 60, 220),
    "signature": (20, 40, 280, 80),
}
"""Where the fields of `filled_form` lie, on a page of 300 by 400."""


def filled_form(name: str) -> bytes:
    """A form as people fill it in, without drawn appearances but for the signature."""
    document = pikepdf.new()
    page = document.add_blank_page(page_size=(300, 400)).obj
    letters, pen = pikepdf.String("/Helv 24 Tf 0 g"), pikepdf.String("/ZaDb 0 Tf 0 g")
    signature = document.make_stream(b"4 w 10 5 m 150 30 l S", Subtype=Name.Form, BBox=Array([0, 0, 260, 40]))

    def widget(field: str, **keys: Any) -> pikepdf.Object:
        rect = Array(list(FIELDS[field]))
        return document.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Widget, F=4, Rect=rect, **keys))

    text = pikepdf.String(name)
    options = Array([text, pikepdf.String("other")])
    kid = widget("kid")
    parent = document.make_indirect(
        Dictionary(FT=Name.Tx, T=pikepdf.String("p"), V=text, DA=letters, Kids=Array([kid]))
    )
    kid.Parent = parent
    fields = [
        widget("text", FT=Name.Tx, T=pikepdf.String("t"), V=text, DA=letters),
        widget("choice", FT=Name.Ch, Ff=1 << 17, T=pikepdf.String("c"), Opt=options, V=text, DA=letters),
        widget("tick", FT=Name.Btn, T=pikepdf.String("b"), V=Name.Yes, AS=Name.Yes, DA=pen),
        widget("signature", FT=Name.Sig, T=pikepdf.String("s"), AP=Dictionary(N=signature)),
    ]
    page.Annots = Array([*fields, kid])
    fonts = {
        f"/{short}": Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name(f"/{long}"))
        for short, long in (("Helv", "Helvetica"), ("ZaDb", "ZapfDingbats"))
    }
    form = Dictionary(Fields=Array([*fields, parent]), NeedAppearances=True, DR=Dictionary(Font=Dictionary(fonts)))
    document.Root.AcroForm = form
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def ticked(on: str, *, need: bool, radio: bool = False, states: tuple[str, ...] | None = None, **keys: Any) -> bytes:
    """A form of two ticks or radio buttons, the left one on; each without looks, or with empty ones of `states`."""

    def change(document: pikepdf.Pdf) -> None:
        field = document.make_indirect(
            Dictionary(FT=Name.Btn, Ff=(3 << 14) * radio, T=pikepdf.String("b"), V=Name(on), Kids=Array([]), **keys)
        )
        for left, state in ((20, on), (120, "/Off")):
            rect = Array([left, 20, left + 40, 60])
            button = Dictionary(Type=Name.Annot, Subtype=Name.Widget, F=4, Rect=rect, AS=Name(state), Parent=field)
            if states is not None:
                looks = document.make_stream(b"", Subtype=Name.Form, BBox=Array([0, 0, 40, 40]))
                button.AP = Dictionary(N=Dictionary(dict.fromkeys(states, looks)))
            field.Kids.append(document.make_indirect(button))
        document.pages[0].obj.Annots = field.Kids
        document.Root.AcroForm = Dictionary(Fields=Array([field]), NeedAppearances=need)

    return pdf_with(change)


def in_readers_font(mode: bytes = b"", *, field: bool = False) -> bytes:
    """A page of Chinese in a font that every reader was to have, on the page itself or in a field's own looks."""

    def change(document: pikepdf.Pdf) -> None:
        system = Dictionary(Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("GB1"), Supplement=2)
        name = Name("/STSong-Light")
        cid = Dictionary(Type=Name.Font, Subtype=Name.CIDFontType0, BaseFont=name, CIDSystemInfo=system)
        font = Dictionary(Type=Name.Font, Subtype=Name.Type0, BaseFont=name, Encoding=Name("/UniGB-UCS2-H"))
        font.DescendantFonts = Array([document.make_indirect(cid)])
        fonts = Dictionary(Font=Dictionary(F=document.make_indirect(font)))
        letters = b"BT " + mode + b" /F 40 Tf 20 30 Td <4E2D6587> Tj ET"
        page, box = document.pages[0].obj, Array([0, 0, 200, 200])
        if field:
            looks = document.make_stream(letters, Subtype=Name.Form, BBox=box, Resources=fonts)
            widget = Dictionary(Subtype=Name.Widget, F=4, Rect=box, FT=Name.Tx, T=pikepdf.String("t"))
            widget.AP = Dictionary(N=looks)
            page.Annots = Array([document.make_indirect(widget)])
            document.Root.AcroForm = Dictionary(Fields=page.Annots)
        else:
            page.Resources, page.Contents = fonts, document.make_stream(letters)

    return pdf_with(change)


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


def video(*tracks: bytes, brand: bytes = b"isom", others: bytes = b"isommp42", last: bool = True) -> bytes:
    """An MP4 that tells of its tracks, at its end as phones write it or before its pictures."""

    def box(name: bytes, body: bytes) -> bytes:
        return (len(body) + 8).to_bytes(4) + name + body

    def track(kind: bytes) -> bytes:
        return box(b"trak", box(b"tkhd", bytes(84)) + box(b"mdia", box(b"hdlr", bytes(8) + kind + bytes(13))))

    index = box(b"moov", box(b"mvhd", bytes(100)) + b"".join(map(track, tracks)))
    seen = box(b"mdat", bytes(5000))
    return box(b"ftyp", brand + bytes(4) + others) + (seen + index if last else index + seen)


def webm_of(*tracks: int, segment: bytes = b"\x01\xff\xff\xff\xff\xff\xff\xff") -> bytes:
    """A WebM that tells of its tracks; 1 is video, 2 audio. Recorders leave the length of all of it open."""
    entries = b"".join(b"\xae\x87\xd7\x81\x01\x83\x81%c\x88\x80" % kind for kind in tracks)
    index = b"\x16\x54\xae\x6b" + bytes([0x80 | len(entries)]) + entries
    head = webm()[: webm().index(b"webm") + 4]
    head = head[:4] + bytes([0x80 | len(head) - 5]) + head[5:]
    return head + b"\x18\x53\x80\x67" + segment + index + b"\x1f\x43\xb6\x75" + b"\x84" + bytes(4)


def webm(doc_type: bytes = b"webm", size: int = 200) -> bytes:
    head = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08"
    head += b"\x42\x82" + bytes([0x80 | len(doc_type)]) + doc_type
    return head + bytes(size - len(head))


def upload(content: bytes, name: str = "holiday.png", media_type: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, media_type)
