"""PDF files that would act by themselves are refused, and honest ones are not."""

from __future__ import annotations

from typing import Any

import pikepdf
import pytest

from apps.errors import Invalid, WrongKind
from apps.infra.files import uploads
from apps.infra.files.rendering import render_page
from tests import comparisons
from tests.drawn import flate_bomb, pdf, pdf_with, upload
from tests.refusals import rejected_upload

# --- Hostile PDF files ----------------------------------------------------------------------------------------------


def script() -> pikepdf.Dictionary:
    return pikepdf.Dictionary(S=pikepdf.Name("/JavaScript"), JS=pikepdf.String("app.alert(1)"))


def opens_with_a_script(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = script()


def opens_with_a_script_elsewhere(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = document.make_indirect(script())


def has_a_script_on_a_page(document: pikepdf.Pdf) -> None:
    document.pages[0].obj.AA = pikepdf.Dictionary(O=script())


def has_a_script_on_a_button(document: pikepdf.Pdf) -> None:
    button = pikepdf.Dictionary(Subtype=pikepdf.Name("/Widget"), A=script())
    document.pages[0].obj.Annots = pikepdf.Array([document.make_indirect(button)])


def has_a_named_script(document: pikepdf.Pdf) -> None:
    names = pikepdf.Array([pikepdf.String("x"), script()])
    document.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=names))


def starts_a_program(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name("/Launch"), F=pikepdf.String("calc.exe"))


def carries_a_file(document: pikepdf.Pdf) -> None:
    document.attachments["evil.exe"] = b"MZ"


def sends_a_form(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name("/SubmitForm"), F=pikepdf.String("http://x.example"))


def is_a_living_form(document: pikepdf.Pdf) -> None:
    document.Root.AcroForm = pikepdf.Dictionary(XFA=pikepdf.String("<xdp/>"), Fields=pikepdf.Array([]))


@pytest.mark.parametrize(
    "change",
    [
        opens_with_a_script,
        opens_with_a_script_elsewhere,
        has_a_script_on_a_page,
        has_a_script_on_a_button,
        has_a_named_script,
        starts_a_program,
        carries_a_file,
        sends_a_form,
        is_a_living_form,
    ],
)
@pytest.mark.parametrize("packed", [pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate])
def test_a_pdf_that_acts_or_carries_is_refused(change: Any, packed: Any) -> None:
    rejected_upload(uploads.take_document, pdf_with(change, object_stream_mode=packed), Invalid, "pdf-active")


def has_a_script_after_a_turn_of_the_page(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name("/GoTo"), Next=pikepdf.Array([script()]))


def opens_an_address_by_itself(document: pikepdf.Pdf) -> None:
    opens = pikepdf.Dictionary(S=pikepdf.Name("/URI"), URI=pikepdf.String("http://x.example"))
    document.pages[0].obj.AA = pikepdf.Dictionary(O=opens)


def reckons_in_a_field(document: pikepdf.Pdf) -> None:
    kid = document.make_indirect(pikepdf.Dictionary(AA=pikepdf.Dictionary(C=script())))
    parent = document.make_indirect(pikepdf.Dictionary(Kids=pikepdf.Array([kid])))
    document.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([parent]))


def has_a_script_in_the_table_of_contents(document: pikepdf.Pdf) -> None:
    first = document.make_indirect(pikepdf.Dictionary(Title=pikepdf.String("1"), A=script()))
    document.Root.Outlines = document.make_indirect(pikepdf.Dictionary(First=first, Last=first))


def hides_a_script_as_a_paragraph(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = script()
    document.Root.OpenAction.Type = pikepdf.Name("/StructElem")


def lends_a_font_that_is_a_script(document: pikepdf.Pdf) -> None:
    fonts = document.make_indirect(pikepdf.Dictionary(AA=pikepdf.Dictionary(O=script())))
    document.pages[0].obj.Resources = pikepdf.Dictionary(Font=fonts)
    document.pages[0].obj.Annots = pikepdf.Array([fonts])


def has_a_named_script_further_down(document: pikepdf.Pdf) -> None:
    leaf = document.make_indirect(pikepdf.Dictionary(Names=pikepdf.Array([pikepdf.String("x"), script()])))
    document.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Kids=pikepdf.Array([leaf])))


def launches_a_paragraph(document: pikepdf.Pdf) -> None:
    paragraphs_without_a_type(document)
    document.Root.OpenAction = document.Root.StructTreeRoot.K.K[0]


def clicks_on_the_notes_of_a_producer(document: pikepdf.Pdf) -> None:
    notes_of_a_producer(document)
    link = pikepdf.Dictionary(Subtype=pikepdf.Name("/Link"), A=document.pages[0].obj.PieceInfo.Illustrator.Private)
    document.pages[0].obj.Annots = pikepdf.Array([document.make_indirect(link)])


def keeps_a_file_in_the_notes_of_a_producer(document: pikepdf.Pdf) -> None:
    notes_of_a_producer(document)
    document.pages[0].obj.PieceInfo.Illustrator.Private.File = pikepdf.Dictionary(
        EF=pikepdf.Dictionary(F=document.make_stream(b"MZ"))
    )


def has_a_paragraph_that_is_a_file(document: pikepdf.Pdf) -> None:
    paragraphs_without_a_type(document)
    document.Root.StructTreeRoot.K.AF = document.make_stream(b"MZ", Type=pikepdf.Name("/EmbeddedFile"))


def has_a_script_that_nothing_leads_to(document: pikepdf.Pdf) -> None:
    # By way of a table that no reader knows.
    document.Root.Unheard = document.make_indirect(script())


def holds_a_file_on_a_page(document: pikepdf.Pdf) -> None:
    pin = pikepdf.Dictionary(Subtype=pikepdf.Name("/FileAttachment"), FS=pikepdf.Dictionary(F=pikepdf.String("a")))
    document.pages[0].obj.Annots = pikepdf.Array([document.make_indirect(pin)])


@pytest.mark.parametrize(
    "change",
    [
        has_a_script_after_a_turn_of_the_page,
        opens_an_address_by_itself,
        reckons_in_a_field,
        has_a_script_in_the_table_of_contents,
        hides_a_script_as_a_paragraph,
        lends_a_font_that_is_a_script,
        has_a_named_script_further_down,
        launches_a_paragraph,
        clicks_on_the_notes_of_a_producer,
        keeps_a_file_in_the_notes_of_a_producer,
        has_a_paragraph_that_is_a_file,
        has_a_script_that_nothing_leads_to,
        holds_a_file_on_a_page,
    ],
)
def test_active_pdf_content_is_found_in_all_places(change: Any) -> None:
    rejected_upload(uploads.take_document, pdf_with(change), Invalid, "pdf-active")


def names_that_producers_chose(document: pikepdf.Pdf) -> None:
    """Everything that has a name of its own, by names that would act elsewhere."""
    font = pikepdf.Dictionary(
        Type=pikepdf.Name("/Font"), Subtype=pikepdf.Name("/Type1"), BaseFont=pikepdf.Name("/Helvetica")
    )
    group = pikepdf.Dictionary(S=pikepdf.Name("/Transparency"))
    drawing = document.make_stream(b"", Subtype=pikepdf.Name("/Form"), BBox=pikepdf.Array([0, 0, 1, 1]), Group=group)
    mask = pikepdf.Dictionary(SMask=pikepdf.Dictionary(S=pikepdf.Name("/Luminosity"), G=drawing))
    values = {
        "Font": font, "XObject": drawing, "ExtGState": mask, "ColorSpace": pikepdf.Array([pikepdf.Name("/DeviceRGB")]),
        "Properties": pikepdf.Dictionary(Type=pikepdf.Name("/OCG"), Name=pikepdf.String("x")),
    }  # fmt: skip
    names = ("/JS", "/JavaScript", "/AA", "/A", "/OpenAction", "/Launch", "/EmbeddedFiles", "/EF", "/XFA", "/RichMedia")
    document.pages[0].obj.Resources = pikepdf.Dictionary(
        {f"/{kind}": pikepdf.Dictionary(dict.fromkeys(names, value)) for kind, value in values.items()}
    )
    document.pages[0].obj.Contents = document.make_stream(b"BT /JS 24 Tf 20 100 Td (Ada) Tj ET")
    appearance = pikepdf.Dictionary(N=pikepdf.Dictionary(dict.fromkeys(names, drawing)))
    tick = pikepdf.Dictionary(Subtype=pikepdf.Name("/Widget"), AP=appearance, Rect=pikepdf.Array([0, 0, 9, 9]))
    document.pages[0].obj.Annots = pikepdf.Array([document.make_indirect(tick)])
    place = pikepdf.Array([document.pages[0].obj, pikepdf.Name("/Fit")])
    document.Root.Dests = pikepdf.Dictionary(dict.fromkeys(names, place))
    document.docinfo["/JS"] = pikepdf.String("a keyword of the producer's")
    paragraph = pikepdf.Dictionary(Type=pikepdf.Name("/StructElem"), S=pikepdf.Name("/JavaScript"))
    roles = pikepdf.Dictionary({"/JavaScript": pikepdf.Name("/P")})
    document.Root.StructTreeRoot = pikepdf.Dictionary(K=document.make_indirect(paragraph), RoleMap=roles)


def lists_that_are_empty(document: pikepdf.Pdf) -> None:
    nothing = document.make_indirect(pikepdf.Dictionary(Names=pikepdf.Array([])))
    document.Root.Names = pikepdf.Dictionary(
        JavaScript=pikepdf.Dictionary(Names=pikepdf.Array([])),
        EmbeddedFiles=pikepdf.Dictionary(Kids=pikepdf.Array([nothing])),
    )
    document.Root.AA = pikepdf.Dictionary()
    document.Root.OpenAction = pikepdf.Dictionary()
    document.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([]), XFA=pikepdf.Array([]))
    document.pages[0].obj.AA = pikepdf.Dictionary()


def turns_to_a_page(document: pikepdf.Pdf) -> None:
    place = pikepdf.Array([document.pages[0].obj, pikepdf.Name("/Fit")])
    document.Root.OpenAction = place
    turn = pikepdf.Dictionary(S=pikepdf.Name("/GoTo"), D=place)
    document.pages[0].obj.AA = pikepdf.Dictionary(O=turn)
    address = pikepdf.Dictionary(S=pikepdf.Name("/URI"), URI=pikepdf.String("https://x.example"))
    link = pikepdf.Dictionary(Subtype=pikepdf.Name("/Link"), Rect=pikepdf.Array([0, 0, 9, 9]), A=address)
    document.pages[0].obj.Annots = pikepdf.Array([document.make_indirect(link)])


def paragraphs_without_a_type(document: pikepdf.Pdf) -> None:
    """As they may be listed: from the root of them, by their number, and by the table of contents."""
    paragraph = document.make_indirect(pikepdf.Dictionary(S=pikepdf.Name("/Launch"), Pg=document.pages[0].obj, K=0))
    section = document.make_indirect(pikepdf.Dictionary(S=pikepdf.Name("/JavaScript"), K=pikepdf.Array([paragraph])))
    paragraph.P = section
    document.Root.StructTreeRoot = document.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name("/StructTreeRoot"),
            K=section,
            RoleMap=pikepdf.Dictionary(Launch=pikepdf.Name("/P"), JavaScript=pikepdf.Name("/Sect")),
            ParentTree=pikepdf.Dictionary(Nums=pikepdf.Array([0, pikepdf.Array([paragraph])])),
        )
    )
    section.P = document.Root.StructTreeRoot
    first = document.make_indirect(pikepdf.Dictionary(Title=pikepdf.String("1"), SE=paragraph))
    document.Root.Outlines = document.make_indirect(pikepdf.Dictionary(First=first, Last=first))


def notes_of_a_producer(document: pikepdf.Pdf) -> None:
    private = document.make_indirect(pikepdf.Dictionary(JS=pikepdf.String("x"), A=script()))
    notes = pikepdf.Dictionary(Private=private, LastModified=pikepdf.String("D:20260101"))
    document.pages[0].obj.PieceInfo = pikepdf.Dictionary(Illustrator=notes)


@pytest.mark.parametrize(
    "change",
    [
        names_that_producers_chose,
        lists_that_are_empty,
        turns_to_a_page,
        paragraphs_without_a_type,
        notes_of_a_producer,
    ],
)
def test_names_of_the_producers_and_empty_lists_do_not_act(change: Any) -> None:
    content = pdf_with(change)
    assert content == uploads.take_document(upload(content)).file.read()


def test_a_pdf_that_only_restricts_printing_is_taken_and_drawn() -> None:
    content = pdf_with(names_that_producers_chose, encryption=pikepdf.Encryption(user="", owner="owner"))
    taken = uploads.take_document(upload(content))
    assert content == taken.file.read()
    assert render_page(content, taken.media_type, 1, watermark="")
    rejected_upload(
        uploads.take_document, pdf_with(opens_with_a_script, encryption=pikepdf.Encryption()), Invalid, "pdf-active"
    )


def test_a_pdf_that_opens_only_with_a_password_is_refused() -> None:
    content = pdf(encryption=pikepdf.Encryption(user="secret", owner="owner"))
    assert "opens only with a password" in str(
        rejected_upload(uploads.take_document, content, Invalid, "pdf-encrypted")
    )


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b"", b"\n" * 2000),
        (b"\xef\xbb\xbf", b"\r\n \t" * 30_000),
        (b"\r\n" * 1500, bytes(5000)),
        (b"\n \xef\xbb\xbf\x00", b"\x1a" * 128),
    ],
)
def test_blanks_around_a_pdf_are_no_part_of_it(before: bytes, behind: bytes) -> None:
    content = pdf()
    assert content == uploads.take_document(upload(before + content + behind)).file.read()


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b"\r", b""])
@pytest.mark.parametrize(
    "behind", [b"\x00", bytes(5000), b"\x1a", b"\v\v", b" ", b"\xef\xbb\xbf", b"\x00\xef\xbb\xbf\n\xef\xbb\xbf\x1a"]
)
def test_padding_goes_wherever_the_last_line_ends(line_end: bytes, behind: bytes) -> None:
    content = pdf().rstrip() + line_end
    assert content == uploads.take_document(upload(content + behind)).file.read()


def test_a_line_that_a_server_left_behind_a_pdf_is_passed_over() -> None:
    assert uploads.take_document(upload(pdf() + b"<!-- made in 0.2 s -->\n")).size


@pytest.mark.parametrize(
    "behind",
    [
        b"PK\x03\x04" + b"x" * 2000,
        b"\n" * 2000 + b"PK\x03\x04" + bytes(40),
        b"<p>" * 400 + b"\n" * 9,
        b"\x00PK\x03\x04" + bytes(40),
        b"\xef\xbb\xbfPK\x03\x04\xef\xbb\xbf",
    ],
)
def test_a_pdf_that_is_another_file_too_is_refused(behind: bytes) -> None:
    rejected_upload(uploads.take_document, pdf() + behind, Invalid, "pdf-trailing")


@pytest.mark.parametrize("before", [b"GIF89a", b"MZ\x00\x00", b"HTTP/1.1 200 OK\r\n\r\n", b"PK\x03\x04" + bytes(30)])
def test_a_pdf_behind_something_else_is_refused_with_the_way_out(before: bytes) -> None:
    content = before + pdf()
    assert "Print it to a new PDF" in str(
        rejected_upload(uploads.take_document, content, WrongKind, "wrong-kind-of-file")
    )
    assert "Send one of these" in str(rejected_upload(uploads.take_picture, content, WrongKind, "wrong-kind-of-file"))


@pytest.mark.parametrize("counted", [b"1", b"3", b"9"])
def test_a_pdf_whose_pages_are_counted_wrong_is_refused(counted: bytes) -> None:
    content = pdf(pages=2, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    assert content.count(b"/Count 2") == 1
    wrong = content.replace(b"/Count 2", b"/Count " + counted)
    assert "Print it to a new PDF" in str(rejected_upload(uploads.take_document, wrong, Invalid, "pdf-miscounted"))


@pytest.mark.parametrize("content", [b"%PDF-1.7\n" + b"garbage" * 100, pdf()[:200], b"%PDF-", pdf(pages=0)])
def test_a_broken_pdf_is_invalid(content: bytes) -> None:
    rejected_upload(uploads.take_document, content, Invalid, "pdf-broken")


def test_a_pdf_of_too_many_pages_is_refused() -> None:
    assert uploads.take_document(upload(pdf(pages=50))).size
    rejected_upload(uploads.take_document, pdf(pages=51), Invalid, "pdf-pages")


def test_a_pdf_that_unpacks_to_gigabytes_is_refused() -> None:
    content = flate_bomb()
    assert len(content) < uploads.DOCUMENT_SIZE
    with comparisons.started():
        rejected_upload(uploads.take_document, content, Invalid, "pdf-broken")
