"""Posting to the outside services that the settings name."""

from __future__ import annotations

from http.client import HTTPException
from urllib.request import HTTPRedirectHandler, Request, build_opener

TIMEOUT = 10
"""Seconds."""
MOST_BYTES = 1024 * 1024
"""Of an answer."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        """What is posted goes to the address of the settings alone."""


def post(url: str, data: bytes, kind: str) -> bytes:
    """The answer. Raises `OSError` where there is none, or one with another status than 2xx."""
    request = Request(url, data, {"Content-Type": kind})  # noqa: S310 - http and https alone, see the settings
    try:
        with build_opener(_NoRedirects).open(request, timeout=TIMEOUT) as answer:
            body: bytes = answer.read(MOST_BYTES)
            return body
    except (HTTPException, ValueError) as error:
        raise OSError(f"no answer that can be read: {error}") from error
