"""The Chromium of the browser tests: the one named, the one on PATH, Playwright's own, or a new one.

Without a window to draw, the headless shell does the same for two thirds of the processor's time, so it comes first.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The path of a Chromium that starts; None if there is none."""
    if named := os.environ.get("CHROMIUM"):
        return named
    return next(filter(_starts, _candidates()), None)


def install() -> None:
    """Try each way to get one until one of them helps."""
    ways = [[[sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]]]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        packages = ["apt-get", "install", "-y", "--no-install-recommends", "fonts-liberation"]
        ways.append([["apt-get", "update"], [*packages, "chromium-headless-shell"]])
        ways.append([[*packages, "chromium"]])  # where a distribution has no package of the shell
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for way in ways:
        for command in way:
            subprocess.run(
                command, check=False, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=900
            )
        if find():
            return


def _candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, NAMES))
    yield from map(str, _playwrights_own())


def _playwrights_own() -> Iterator[Path]:
    """Its shell, which it does not name, lies beside the whole browser, which it names though it may not be there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        whole = Path(playwright.chromium.executable_path)
    for folder in whole.parents:
        kind, _, number = folder.name.rpartition("-")
        if kind == "chromium":
            yield from folder.with_name(f"chromium_headless_shell-{number}").glob("*/*headless*shell")
    yield whole


def _starts(path: str) -> bool:
    if not Path(path).exists():
        return False
    done = subprocess.run([path, "--version"], capture_output=True, check=False)
    return done.returncode == 0


def main() -> None:
    if find():
        return
    print("No Chromium found; installing one ...", flush=True)
    install()
    if not find():
        sys.exit("There is no Chromium, and none could be installed: install one and set CHROMIUM to its path.")


if __name__ == "__main__":
    main()
