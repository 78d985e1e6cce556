"""Which of the locked packages have known vulnerabilities, by the advisories of OSV: a part of `make lint`.

Where these cannot be reached, as on a machine without internet, it says so in one line and fails nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from devtools.paths import CHECKOUT

LOCKED = CHECKOUT / "requirements/dev.txt"
"""Holds those of production and of the embedded servers, too."""
ADVISORIES = "https://api.osv.dev/v1/query"
PATIENCE, LONGEST = 15, 300
"""Seconds for the first answer, and for all of them."""


class Unreachable(Exception):
    """The advisories gave no answer."""


def known(packages: list[str], advisories: str, timeout: float) -> list[str]:
    """A line for each known vulnerability of packages such as "django==6.1.3". Raises `Unreachable`."""
    with TemporaryDirectory() as folder:
        listed = Path(folder) / "packages.txt"
        listed.write_text("\n".join(packages))
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(listed), "--no-deps", "--disable-pip"]
        command += ["--vulnerability-service", "osv", "--osv-url", advisories, "--timeout", "5"]
        command += ["--progress-spinner", "off", "--format", "json"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
            found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
        except (subprocess.TimeoutExpired, ValueError) as error:
            raise Unreachable from error
    return [
        f"{package['name']} {package['version']}: {each['id']}, fixed in {', '.join(each['fix_versions']) or 'none'}"
        for package in found
        for each in package.get("vulns", [])
    ]


def locked() -> list[str]:
    lines = LOCKED.read_text().splitlines()
    return [line.partition(" ")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))]


def main(advisories: str = ADVISORIES) -> int:
    packages = locked()
    try:
        known(packages[:1], advisories, PATIENCE)
        found = known(packages, advisories, LONGEST)
    except Unreachable:
        print("skipped: the advisories of vulnerabilities cannot be reached")
        return 0
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
