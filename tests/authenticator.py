"""The authenticator app in a user's hand: RFC 6238 written once more, apart from the library that checks its codes."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32decode
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import time_machine
from django.utils import timezone

from apps.users.authentication import mfa
from apps.users.models import User

RFC_KEY = b"12345678901234567890"
SEALED_RFC_KEY = (
    "gAAAAABrCSoEdvwQnH89J8dYG45w_xyCzNzQ47av1H7Od5vbRi5_pKZnz6jsqIpLjcqFD0mEu1_pECR6EoUI_BQP4HtVhqQvQQJ9vh04RpNwmtza9B3"
    "USgUSr9QbN9rGvR3jppvvif3k"
)
HASH_OF_ABCD_EFGH_IJKL_MNOP = "27cbc657bd15a3fdfdc4f27711534942fe952c543a8dee916eceb45452738c40"


@dataclass(frozen=True, slots=True)
class App:
    secret: str
    """The key, in base32."""

    @classmethod
    def scanning(cls, uri: str) -> App:
        """The app after it has read the address in a QR picture."""
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
        return cls(parse_qs(parts.query)["secret"][0])

    def code_at(self, seconds: float, digits: int = 6) -> str:
        """What the app shows at this Unix time."""
        digest = hmac.digest(b32decode(self.secret), (int(seconds) // 30).to_bytes(8, "big"), hashlib.sha1)
        at = digest[-1] & 0xF
        return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**digits:0{digits}}"


def enrol(user: User) -> tuple[App, list[str]]:
    """The app of `user` and their backup codes; set up half a minute ago, so that the present code is unused."""
    with time_machine.travel(timezone.now() - timedelta(seconds=30), tick=False):
        app = App(mfa.begin_enrolment(user).secret)
        return app, mfa.confirm_enrolment(user, code_of(app))


def code_of(app: App, periods: int = 0) -> str:
    """What the app shows now, or so many periods of 30 seconds later."""
    return app.code_at(timezone.now().timestamp() + 30 * periods)


def wrong(app: App) -> str:
    near = {code_of(app, periods) for periods in (-1, 0, 1)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)
