"""The limits of calls as ninja asks for them: by user or address, by the size of a body, by the parts of a form."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.throttling import BaseThrottle

from apps.errors import Invalid, TooLarge
from apps.infra.client_address import counted_address
from apps.infra.limits import spend

# Boundaries, part headers and the few text fields around an uploaded file.
FORM_OVERHEAD = 64 * 1024


class Limit(BaseThrottle):
    """A named limit on one call: for the user, or for the address of an anonymous call."""

    def __init__(self, limit: str) -> None:
        self.limit = limit

    def allow_request(self, request: HttpRequest) -> bool:
        spend(self.limit, caller(request))
        return True


class AddressLimit(Limit):
    """The same for the address, for signed-in users too."""

    def allow_request(self, request: HttpRequest) -> bool:
        spend(self.limit, _address_of(request))
        return True


class BodyLimit(BaseThrottle):
    """Refuses a form that is too large for any file the call takes, before a byte of it is read."""

    def __init__(self, file_size: int) -> None:
        self.size = file_size + FORM_OVERHEAD

    def allow_request(self, request: HttpRequest) -> bool:
        if _content_length(request) > self.size:
            raise TooLarge("too-large", f"Send at most {self.size // 1024 // 1024} MiB.")
        return True


class FilePart(BaseThrottle):
    """Refuses a form without its file, also where that was sent as text: a part without a file name is one."""

    def __init__(self, name: str) -> None:
        self.name = name

    def allow_request(self, request: HttpRequest) -> bool:
        try:
            is_there = self.name in request.FILES
        except RequestDataTooBig:  # of text alone, and no other text of these calls is ever so long
            is_there = False
        if not is_there:
            raise Invalid(
                "missing", _("Send `%(name)s` as a file, with a name.") % {"name": self.name}, field=self.name
            )
        return True


def uploads(name: str, file_size: int) -> list[BaseThrottle]:
    """The limits of a call that takes a file of at most `file_size` bytes in the part `name` of a form."""
    return [Limit("upload"), BodyLimit(file_size), FilePart(name)]


def caller(request: HttpRequest) -> str | None:
    """The user or address that a call is counted for; None where neither is known."""
    if request.user.is_authenticated:
        return f"user:{request.user.pk}"
    return _address_of(request)


def _address_of(request: HttpRequest) -> str | None:
    address = counted_address(request.META)
    return None if address is None else f"address:{address}"


def _content_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0
