"""Fetches what stands in the checkout of another project: `python -m devtools.vendored`, with npm installed.

Alpine in its CSP build, which evaluates no text as script, in the place of the build that Unfold ships. MIT licence;
its text stands beside the file.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from devtools.paths import CHECKOUT

PACKAGE, VERSION = "@alpinejs/csp", "3.17.4"
INTEGRITY = "SlRXmqO6kYhnxlg+99etmuzJtE9Lk4QbKjBHqerXzaMflJqoJXdz/SI3IvHJGZ/vRVyC3bR0SSBz40oY7goBeg=="
"""SHA-512 of the package as npm publishes it."""
MEMBER = "package/dist/cdn.min.js"
FILE = CHECKOUT / "admin_dashboards/static/unfold/js/alpine/alpine.js"
SHA256 = "0d18d7f8d7910e2e0212f0f056b12f50bebc3abb7d88d2f7c7cb4c336fe4519a"
"""Of `FILE`."""


def fetch() -> None:
    """Write `FILE` anew. Raises `SystemExit` where the package is not the one that was chosen."""
    with TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=folder, check=True)
        (package,) = Path(folder).iterdir()
        found = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
        if found != INTEGRITY:
            raise SystemExit(f"{PACKAGE} {VERSION} is not the package that was chosen: its SHA-512 is {found}.")
        with tarfile.open(package) as files:
            member = files.extractfile(MEMBER)
            assert member is not None
            FILE.write_bytes(member.read())


if __name__ == "__main__":
    fetch()
