"""Drawing what strangers sent in: bounded, outside this process, always marked."""

from __future__ import annotations

from io import BytesIO

import pikepdf
import pytest
from PIL import Image, ImageChops, ImageDraw

from apps import rendering
from apps.rendering import Unrenderable, inspect, render_page


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
def test_it_draws_every_kind_that_is_taken(kind: str, media_type: str) -> None:
    drawn = opened(render_page(picture(kind), media_type, 1, watermark="", max_side=600))
    assert max(drawn.size) == 600
    red, _, blue = drawn.getpixel((150, 150))  # type: ignore[misc]
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


def test_near_pictures_have_near_fingerprints_and_others_do_not() -> None:
    one = inspect(picture("PNG"), "image/png").look.fingerprint
    same = inspect(picture("JPEG", (1200, 800)), "image/jpeg").look.fingerprint
    noise = BytesIO()
    Image.effect_noise((900, 900), 90).save(noise, "PNG")
    other = inspect(noise.getvalue(), "image/png").look.fingerprint
    assert (one ^ same).bit_count() <= 4
    assert (one ^ other).bit_count() > 10


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


def test_the_child_may_not_take_more_memory_than_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "MEMORY", 64 * 1024 * 1024)
    with pytest.raises(Unrenderable):
        render_page(picture(size=(6000, 6000)), "image/png", 1, watermark="")


def test_the_child_is_ended_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SECONDS", -4.99)
    with pytest.raises(Unrenderable) as refused:
        render_page(picture(), "image/png", 1, watermark="")
    assert refused.value.code == "too-slow-to-draw"
