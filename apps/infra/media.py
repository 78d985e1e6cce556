"""How private files go out: addresses that are signed and live a minute, and the parts that players ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext as _

from apps.errors import Absent

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")

type PathKind = Literal["profile", "story"]


class Expired(Absent):
    """A token that was not signed here for this purpose, or too long ago."""


def sign(purpose: str, *parts: object) -> str:
    """A token of these parts, none of which contains a dot, for `read_signed` of the same purpose."""
    return signing.TimestampSigner(salt=purpose).sign(".".join(map(str, parts)))


def read_signed(purpose: str, token: str, *, seconds: int | None = None) -> list[str]:
    """The parts of a token that was signed at most `seconds` ago, one minute by default. Raises `Expired`."""
    try:
        signed = signing.TimestampSigner(salt=purpose).unsign(token, max_age=seconds or settings.SIGNED_ADDRESS_SECONDS)
    except signing.BadSignature as error:
        raise Expired("not-found", _("This address has expired. Request the item again for a new one.")) from error
    return signed.split(".")


class Address(NamedTuple):
    """The row whose file a signed address shows, and the viewer and login that it was made for."""

    kind: PathKind
    row_id: int
    viewer: int | None = None
    login: int | None = None


def signed_address(kind: PathKind, row_id: int, *, viewer: int | None = None, login: int | None = None) -> str:
    """A path that shows the file of one row for a minute, as far as `viewer` may see the row when it is used.

    With `login`, a session's id, it lasts no longer than that session, and a video that has begun plays on at it.
    Profile pictures are public and need no viewer.
    """
    return f"/media/{sign('media', kind, row_id, viewer or 0, login or 0)}"


def read_address(token: str, *, seconds: int | None = None) -> Address:
    """The arguments of `signed_address`, called at most `seconds` ago. Raises `Expired`."""
    kind, row_id, viewer, login = read_signed("media", token, seconds=seconds)
    # The signature says that the kind is one of ours.
    return Address(cast(PathKind, kind), int(row_id), int(viewer) or None, int(login) or None)


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a file from `start` to `end`, both included, out of `size`."""

    start: int
    end: int
    size: int
    status: int
    """Of the answer: 200 for the whole file, 206 for a part, 416 where no byte is in the range."""

    @property
    def headers(self) -> dict[str, str]:
        """Those of the answer that depend on the part."""
        if self.status == 416:
            return {"Content-Range": f"bytes */{self.size}"}
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(self.end - self.start + 1)}
        if self.status == 206:
            headers["Content-Range"] = f"bytes {self.start}-{self.end}/{self.size}"
        return headers

    def read(self, file: FieldFile) -> Iterator[bytes]:
        """The bytes in chunks. Raises `FileNotFoundError`, and `Unavailable` while storage does not answer."""
        storage: Any = file.storage
        chunks: Iterator[bytes] = storage.part(str(file.name), self.start, self.end - self.start + 1)
        return chunks


def requested_part(range_header: str, size: int) -> Part:
    """The part of a file of `size` bytes that a Range header asks for; the whole where it has another form."""
    asked = RANGE.match(range_header)
    if asked is None or asked.groups() == ("", ""):
        return Part(0, size - 1, size, 200)
    first, last = asked.groups()
    # "-500" means the last 500 bytes.
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    return Part(start, end, size, 206 if start <= end else 416)
