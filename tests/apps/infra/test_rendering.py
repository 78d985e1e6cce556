"""Drawing what strangers sent in: bounded, outside this process, always marked."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String
from PIL import Image, ImageChops, ImageDraw

from apps.infra.files import rendering
from apps.infra.files.comparing import fingerprint
from apps.infra.files.rendering import Unrenderable, inspect, render_page
from tests import comparisons
from tests.drawn import FIELDS, filled_form, in_readers_font, pdf_with, ticked


@pytest.fixture
def _started() -> Iterator[None]:
    with comparisons.started():
        yield


def picture(kind: str = "PNG", size: tuple[int, int] = (1200, 800)) -> bytes:
    image = Image.new("RGB", size, "#cfe0ee")
    ImageDraw.Draw(image).ellipse((100, 100, 500, 500), fill="#aa3322")
    out = BytesIO()
    image.save(out, kind)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content)).convert("RGB")


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("PDF", "application/pdf")],
)
def test_all_accepted_kinds_are_rendered(kind: str, media_type: str) -> None:
    drawn = opened(render_page(picture(kind), media_type, 1, watermark="", max_side=600))
    assert max(drawn.size) == 600
    red, _, blue = drawn.getpixel((150, 150))
    assert red > 120 > blue


def test_the_watermark_marks_every_part_of_the_page() -> None:
    plain = opened(render_page(picture(), "image/png", 1, watermark=""))
    marked = opened(render_page(picture(), "image/png", 1, watermark="vera · document 7 · 14:05"))
    different = ImageChops.difference(plain, marked).convert("L").point(lambda value: 255 * (value > 24))
    width, height = plain.width // 3, plain.height // 3
    for left in (0, width, 2 * width):
        for top in (0, height, 2 * height):
            part = different.crop((left, top, left + width, top + height))
            assert part.getbbox() is not None, (left, top)


@pytest.mark.parametrize("content", [b"", b"not a picture", picture()[:200], b"%PDF-1.7\n%%EOF"])
@pytest.mark.parametrize("media_type", ["image/png", "application/pdf"])
def test_a_broken_file_is_said_to_be_broken(content: bytes, media_type: str) -> None:
    with pytest.raises(Unrenderable) as refused:
        render_page(content, media_type, 1, watermark="")
    assert refused.value.code == "cannot-be-drawn"


def test_a_page_past_the_end_is_not_drawn() -> None:
    with pytest.raises(Unrenderable) as refused:
        render_page(picture("PDF"), "application/pdf", 2, watermark="")
    assert refused.value.code == "no-such-page"


def test_a_page_of_monstrous_size_is_drawn_small() -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(14_000, 14_000))
    out = BytesIO()
    pdf.save(out)
    assert max(opened(render_page(out.getvalue(), "application/pdf", 1, watermark="")).size) <= rendering.MAX_SIDE


@pytest.mark.usefixtures("_started")
def test_the_child_may_not_take_more_memory_than_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "MEMORY", 64 * 1024 * 1024)
    with pytest.raises(Unrenderable):
        render_page(picture(size=(6000, 6000)), "image/png", 1, watermark="")


@pytest.mark.usefixtures("_started")
def test_the_child_that_compares_pages_has_the_same_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    page = render_page(filled_form("Ada Lovelace"), "application/pdf", 1, watermark="")
    assert len(fingerprint(page).hashes) > 100
    with pytest.raises(Unrenderable):
        fingerprint(b"not a picture")
    monkeypatch.setattr(rendering, "MEMORY", 64 * 1024 * 1024)
    with pytest.raises(Unrenderable):
        fingerprint(page)
    monkeypatch.setattr(rendering, "SECONDS", -4.99)
    with pytest.raises(Unrenderable) as refused:
        fingerprint(page)
    assert refused.value.code == "too-slow-to-draw"


@pytest.mark.usefixtures("_started")
def test_the_child_is_ended_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SECONDS", -4.99)
    with pytest.raises(Unrenderable) as refused:
        render_page(picture(), "image/png", 1, watermark="")
    assert refused.value.code == "too-slow-to-draw"


# --- What is on a page -----------------------------------------------------------------------------------------------


def dark(drawn: Image.Image, box: tuple[float, float, float, float], height: float = 400) -> float:
    """The share of dark pixels within a box of a page of that height, in its own units."""
    scale = drawn.height / height
    left, bottom, right, top = box
    part = drawn.convert("L").crop(
        (int(left * scale), int((height - top) * scale), int(right * scale), int((height - bottom) * scale))
    )
    return sum(part.histogram()[:128]) / (part.width * part.height)


def test_filled_in_form_fields_are_rendered() -> None:
    drawn = opened(render_page(filled_form("Ada Lovelace"), "application/pdf", 1, watermark="", max_side=800))
    for name, box in FIELDS.items():
        assert dark(drawn, box) > 0.01, name
    assert dark(drawn, (0, 0, 300, 25)) == 0
    empty = opened(render_page(filled_form(""), "application/pdf", 1, watermark="", max_side=800))
    assert dark(empty, FIELDS["text"]) == 0


@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("radio", [True, False])
@pytest.mark.parametrize(
    ("on", "appearance"),
    [("/Yes", {}), ("/On", {}), ("/Ja", {"states": ("/Off",)}), ("/1", {"states": ()}), ("/0", {"Opt": Array([])})],
)
def test_a_tick_is_seen_whatever_its_state_is_called(on: str, appearance: Any, *, radio: bool, need: bool) -> None:
    content = ticked(on, need=need, radio=radio, **appearance)
    drawn = opened(render_page(content, "application/pdf", 1, watermark="", max_side=400))
    assert dark(drawn, (20, 20, 60, 60), 200) > 0.02
    assert dark(drawn, (120, 20, 160, 60), 200) == 0, "the other one is off"


def test_a_tick_is_drawn_as_its_file_says_where_it_says_so() -> None:
    drawn = opened(render_page(ticked("/On", need=False, states=("/On", "/Off")), "application/pdf", 1, watermark=""))
    assert dark(drawn, (20, 20, 60, 60), 200) == 0


def test_a_field_outside_of_any_form_is_seen() -> None:
    def change(document: pikepdf.Pdf) -> None:
        stamp = document.make_stream(b"0 g 0 0 50 50 re f", Subtype=Name.Form, BBox=Array([0, 0, 100, 100]))
        widgets = Array([])
        for place, more in enumerate([{}, {"/FT": Name.Sig}, {"/FT": Name.Sig, "/T": String("s")}]):
            widget = Dictionary(Subtype=Name.Widget, Rect=Array([0, 60 * place, 50, 60 * place + 50]), F=4)
            widget.AP = Dictionary(N=stamp)
            for key, value in more.items():
                widget[key] = value
            widgets.append(document.make_indirect(widget))
        document.pages[0].obj.Annots = widgets

    drawn = opened(render_page(pdf_with(change), "application/pdf", 1, watermark="", max_side=400))
    for place in range(3):
        assert dark(drawn, (0, 60 * place, 50, 60 * place + 50), 200) > 0.2, place


def test_notes_and_drawings_on_a_page_are_seen() -> None:
    black = Array([0, 0, 0])
    notes = [
        Dictionary(Subtype=Name.FreeText, DA=String("/Helv 24 Tf 0 g"), Contents=String("Hello")),
        Dictionary(Subtype=Name.Ink, C=black, InkList=Array([Array([0, 65, 50, 95])]), BS=Dictionary(W=5)),
        Dictionary(Subtype=Name.Highlight, C=black, QuadPoints=Array([0, 170, 50, 170, 0, 120, 50, 120])),
    ]

    def change(document: pikepdf.Pdf) -> None:
        for place, note in enumerate(notes):
            note.Rect, note.F = Array([0, 60 * place, 50, 60 * place + 50]), 4
        document.pages[0].obj.Annots = Array([document.make_indirect(note) for note in notes])

    drawn = opened(render_page(pdf_with(change), "application/pdf", 1, watermark="", max_side=400))
    for place, note in enumerate(notes):
        assert dark(drawn, (0, 60 * place, 50, 60 * place + 50), 200) > 0.02, note.Subtype


def test_a_very_long_page_is_drawn_so_that_its_lines_can_be_read() -> None:
    long = pdf_with(lambda document: document.pages[0].obj.__setitem__("/MediaBox", Array([0, 0, 595, 14_400])))
    drawn = opened(render_page(long, "application/pdf", 1, watermark="", max_short=500))
    assert 500 <= min(drawn.size) <= 501
    shot = BytesIO()
    Image.new("L", (300, 6700), "white").save(shot, "PNG")
    drawn = opened(render_page(shot.getvalue(), "image/png", 1, watermark="", max_short=rendering.MAX_SHORT))
    assert drawn.size == (300, 6700), "no picture is drawn larger than it is"
    named = opened(render_page(shot.getvalue(), "image/png", 1, watermark="vera", max_short=rendering.MAX_SHORT))
    for top in range(0, 6700 - 300, 300):
        assert named.crop((0, top, 300, top + 300)).convert("L").getextrema()[0] < 210, "marked all along"
    drawn = opened(render_page(shot.getvalue(), "image/png", 1, watermark="", max_side=400))
    assert max(drawn.size) == 400


def test_a_page_that_is_cut_off_to_nothing_is_drawn_whole() -> None:
    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.CropBox = Array([500, 500, 900, 900])
        document.pages[0].obj.Contents = document.make_stream(b"0 0 100 100 re f")

    drawn = opened(render_page(pdf_with(change), "application/pdf", 1, watermark="", max_side=400))
    assert drawn.size == (400, 400)
    assert dark(drawn, (0, 0, 100, 100), 200) > 0.9


def test_letters_that_cannot_be_drawn_are_noticed() -> None:
    # Where there is a font for them they are drawn, and nothing is amiss.
    content = in_readers_font()
    drawn = opened(render_page(content, "application/pdf", 1, watermark="", max_side=400))
    seen = dark(drawn, (0, 0, 200, 200), 200) > 0
    assert inspect(content, "application/pdf").letters_missing is not seen
    assert not inspect(in_readers_font(b"3 Tr"), "application/pdf").letters_missing, "what is not to be seen"
    assert not inspect(filled_form("Ada"), "application/pdf").letters_missing
    assert not inspect(picture(), "image/png").letters_missing


def test_letters_of_a_field_that_cannot_be_drawn_are_noticed() -> None:
    forms = [filled_form(name) for name in ("王小明", "محمد", "שלום")]
    for content in [*forms, in_readers_font(field=True)]:
        drawn = opened(render_page(content, "application/pdf", 1, watermark="", max_side=400))
        seen = dark(drawn, FIELDS["text"] if content in forms else (0, 0, 400, 400)) > 0
        assert inspect(content, "application/pdf").letters_missing is not seen
    assert not inspect(in_readers_font(b"3 Tr", field=True), "application/pdf").letters_missing
    for name in ("Łukasz Ünïversität-Straße 7", "two\nlines", ""):
        assert not inspect(filled_form(name), "application/pdf").letters_missing, name


def test_form_field_characters_are_rendered_by_their_own_font() -> None:
    with pikepdf.open(BytesIO(filled_form("Ada"))) as document:
        fields = document.Root.AcroForm
        fields.NeedAppearances = False
        code, chosen, secret, drawn_by_file, _kid = document.pages[0].obj.Annots
        code.V, code.F = String("محمد"), 2
        chosen.V, chosen.Opt = String("de"), Array([Array([String("de"), String("Ada")])])
        secret.FT, secret.V, secret.Ff = Name.Tx, String("שלום"), 1 << 13
        drawn_by_file.FT, drawn_by_file.V = Name.Tx, String("محمد")
        appearance = document.make_stream(b"0 g 0 0 9 9 re f", Subtype=Name.Form, BBox=Array([0, 0, 9, 9]))
        drawn_by_file.AP = Dictionary(N=appearance)
        out = BytesIO()
        document.save(out)
        assert not inspect(out.getvalue(), "application/pdf").letters_missing
        # What makes no sense in one field says nothing of the others.
        secret.F, drawn_by_file.Ff = String("x"), Name.X
        # The same letters stand in another field, which draws them.
        chosen.FT, chosen.V, code.F, code.V = Name.Tx, String("Ada"), 4, String("Adaم")
        out = BytesIO()
        document.save(out)
        assert inspect(out.getvalue(), "application/pdf").letters_missing
