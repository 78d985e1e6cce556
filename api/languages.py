"""The language in which a client wants to read what it is sent later: mails, notifications, reasons."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import get_language_from_request


def asked_language(request: HttpRequest) -> str | None:
    """The best of ours for the `Accept-Language` header, English where none fits; None where any will do."""
    if request.headers.get("Accept-Language", "").strip() in ("", "*"):
        return None
    return get_language_from_request(request)
