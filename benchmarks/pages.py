"""`python -m benchmarks.pages`: how long a large scan takes at the desk, drawn for the first time and after that.

Prints one JSON object: seconds by kind of file, and how many times faster the second view is.
"""

import json
import tempfile
import time
from io import BytesIO

from django.conf import settings
from PIL import Image

SCAN = (4960, 7016)
"""A4 at 600 dpi, 35 million pixels."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings.configure(MEDIA_ROOT=folder, USE_I18N=False)
        figures = {media_type: measure(media_type, kind) for media_type, kind in KINDS.items()}
    print(json.dumps(figures, indent=2))


KINDS = {"image/jpeg": "JPEG", "application/pdf": "PDF"}


def measure(media_type: str, kind: str) -> dict[str, float]:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage
    from django.db.models import FileField
    from django.db.models.fields.files import FieldFile

    name = default_storage.save(f"documents/scan.{kind.lower()}", ContentFile(scan(kind)))
    stored = FieldFile(None, FileField(), name)  # type: ignore[arg-type]  # of no row
    first, second = view(stored, media_type), view(stored, media_type)
    return {"first": round(first, 3), "second": round(second, 3), "times_faster": round(first / second, 1)}


def view(stored: object, media_type: str) -> float:
    """Seconds until an officer has the page, marked with their name."""
    from apps.infra.files.rendering import MAX_SHORT, render_page
    from apps.infra.files.renditions import rendition

    began = time.perf_counter()
    page = rendition(stored, media_type, max_short=MAX_SHORT)  # type: ignore[arg-type]
    render_page(page, "image/*", 1, watermark="officer · #1 · 2026-01-01 12:00 UTC", max_short=MAX_SHORT)
    return time.perf_counter() - began


def scan(kind: str) -> bytes:
    """A page with the grain of paper."""
    grain = Image.effect_noise((SCAN[0] // 4, SCAN[1] // 4), 40).resize(SCAN)
    out = BytesIO()
    Image.merge("RGB", (grain, grain, grain)).save(out, kind, quality=85, resolution=600)
    return out.getvalue()


if __name__ == "__main__":
    main()
