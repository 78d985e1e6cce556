"""The pictures of the README: each desk in light and dark, as it is on the demo's data.

    make run                                   # in another shell
    python -m benchmarks.pictures [--url http://127.0.0.1:8000]

Each file shows light at the left and dark at the right, at 1366 by 768 pixels, made half as large.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from benchmarks.day import LISTENS, PASSWORD
from devtools import chromium

DOCS = Path(__file__).resolve().parent.parent / "docs"
SIZE = {"width": 1366, "height": 768}
SHOWN = {
    # file: who, address
    "verification": ("compliance", "/admin/compliance/next/"),
    "moderation": ("community", "/admin/moderation/next/"),
    "access": ("access", "/admin/access/"),
    "investigate": ("support", "/admin/support/?q=influencer1"),
    "console": ("admin", "/admin/"),
}


def shot(browser: Browser, url: str, who: str, address: str, scheme: str) -> Image.Image:
    """A page as one member of staff sees it in `scheme`, light or dark."""
    context = browser.new_context(viewport=SIZE, base_url=url, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/admin/login/")
    page.fill("#id_username", who)
    page.fill("#id_password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.wait_for_function(LISTENS)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    options = parser.parse_args()
    path = chromium.find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for name, (who, address) in SHOWN.items():
            both = Image.new("RGB", (2 * SIZE["width"], SIZE["height"]))
            for place, scheme in enumerate(("light", "dark")):
                both.paste(shot(browser, options.url, who, address, scheme), (place * SIZE["width"], 0))
            file = DOCS / f"{name}.webp"
            both.resize((SIZE["width"], SIZE["height"] // 2), Image.Resampling.LANCZOS).save(file, quality=82, method=6)
            print(f"{file.name}: {file.stat().st_size // 1024} KB")
        browser.close()


if __name__ == "__main__":
    main()
