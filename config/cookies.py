"""What the console's cookies are called.

Browsers share cookies between all ports of a host. Names of our own keep other programs out of them, and under DEBUG
the port keeps two installations on one machine apart. In production the prefix makes browsers refuse a cookie of that
name from any host but this very one, over HTTPS (RFC 6265bis, 4.1.3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

PORT = r"[0-9]{1,5}"


def cookie_name(name: str, *, port: str | None) -> str:
    """`port` is that of an installation under DEBUG; None in production."""
    return f"__Host-infloo_{name}" if port is None else f"infloo_{name}_{port}"


def port_of(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """The port that this process serves, by its command line, or by PORT, which `make run` passes on."""
    command, arguments = (argv[1], argv[2:]) if len(argv) > 1 else ("", ())
    asked = {
        "runserver": rf"(?:^| )(?:\S*:)?({PORT})(?: |$)",
        "serve": rf"--port[= ]({PORT})(?: |$)",
    }.get(command)
    found = re.search(asked, " ".join(arguments)) if asked else None
    if found:
        return found[1]
    given = environment.get("PORT", "")
    return given if re.fullmatch(PORT, given) else "8000"
