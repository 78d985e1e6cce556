"""How often a call may be made: counters in the broker, shared by all processes.

Each limit is a fixed window that begins with its first call. Without the broker, calls go on uncounted.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis
from django.conf import settings
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

from apps.errors import Invalid, TooLarge, WrongCredentials
from config.middleware import client_address

logger = logging.getLogger(__name__)

# Seconds. A broker that is slower than this is as good as down; then it is left alone for a while.
PATIENCE = 0.5
LEAVE_ALONE = 2.0
WRONG_GUESS = {"wrong-credentials", "wrong-password", "wrong-code", "otp-wrong"}
# Boundaries, part headers and the few text fields around an uploaded file.
FORM_OVERHEAD = 64 * 1024


class TooMany(Exception):
    """The limit is reached; `wait` is in how many whole seconds it opens again."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.wait = wait


def spend(limit: str, who: object) -> None:
    """Count one call of `who` against the named limit. Raises `TooMany` where that was one too many."""
    count, seconds_left = _counters.add(_key(limit, who), _period(limit))
    if count > _allowed(limit):
        raise TooMany(seconds_left)


def check(limit: str, who: object) -> None:
    """Raise `TooMany` where `who` has reached the named limit, without counting."""
    count, seconds_left = _counters.read(_key(limit, who))
    if count >= _allowed(limit):
        raise TooMany(seconds_left)


@contextmanager
def guesses(request: HttpRequest, account: str) -> Iterator[None]:
    """Around a guess at a password or code: only wrong ones count, for the account and for the address.

    Judged before and after the guess, so that many at once get no more answers than one after another.
    """
    counted = [("login_account", account), ("login_address", client_address(request))]
    for limit, who in counted:
        check(limit, who)
    try:
        yield
    except (WrongCredentials, Invalid) as error:
        if error.code in WRONG_GUESS:
            for limit, who in counted:
                spend(limit, who)
        raise
    for limit, who in counted:
        check(limit, who)


def broker_answers() -> bool:
    """Whether the broker is worth asking: not where it failed to answer in the last seconds."""
    return _counters.are_kept


class Limit(BaseThrottle):
    """A named limit on one call: for the person, or for the address where nobody is signed in."""

    def __init__(self, limit: str) -> None:
        self.limit = limit

    def allow_request(self, request: HttpRequest) -> bool:
        spend(self.limit, caller(request))
        return True


class AddressLimit(Limit):
    """The same for the address, whoever is signed in there."""

    def allow_request(self, request: HttpRequest) -> bool:
        spend(self.limit, f"address:{client_address(request)}")
        return True


class BodyLimit(BaseThrottle):
    """Refuses a form that is too large for any file the call takes, before a byte of it is read."""

    def __init__(self, file_size: int) -> None:
        self.size = file_size + FORM_OVERHEAD

    def allow_request(self, request: HttpRequest) -> bool:
        if _content_length(request) > self.size:
            raise TooLarge("too-large", f"Send at most {self.size // 1024 // 1024} MiB.")
        return True


def uploads(file_size: int) -> list[BaseThrottle]:
    """The limits of a call that takes a file of at most `file_size` bytes."""
    return [Limit("upload"), BodyLimit(file_size)]


def caller(request: HttpRequest) -> str:
    """Whom a call is counted for."""
    if request.user.is_authenticated:
        return f"user:{request.user.pk}"
    return f"address:{client_address(request)}"


def _content_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def _allowed(limit: str) -> int:
    return max(1, round(settings.LIMITS[limit][0] * settings.LIMITS_SCALE))


def _period(limit: str) -> int:
    return int(settings.LIMITS[limit][1])


def _key(limit: str, who: object) -> str:
    # Hashed, since accounts are named by strangers at any length.
    return f"limit:{limit}:{hashlib.blake2b(str(who).encode(), digest_size=16).hexdigest()}"


@cache
def broker(url: str) -> redis.Redis:
    """The broker at `url`, asked with little patience."""
    return redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)


class _Counters:
    """Counters that forget themselves, in the broker."""

    def __init__(self) -> None:
        self._down_until = 0.0
        self._lock = threading.Lock()

    @property
    def are_kept(self) -> bool:
        return time.monotonic() >= self._down_until

    def add(self, key: str, period: int) -> tuple[int, int]:
        """Count one more; how many that makes, and in how many seconds it starts anew."""
        return self._ask(key, period)

    def read(self, key: str) -> tuple[int, int]:
        return self._ask(key, None)

    def _ask(self, key: str, period: int | None) -> tuple[int, int]:
        if not self.are_kept:
            return 0, 0
        try:
            # One transaction: a counter never lives on without its end.
            with broker(settings.REDIS_URL).pipeline(transaction=True) as pipe:
                if period is None:
                    pipe.get(key)
                else:
                    pipe.set(key, 0, ex=period, nx=True)
                    pipe.incr(key)
                pipe.pttl(key)
                *_, count, left = pipe.execute()
        except redis.RedisError:
            self._leave_alone()
            return 0, 0
        return int(count or 0), max(1, math.ceil(left / 1000))

    def _leave_alone(self) -> None:
        with self._lock:
            first = time.monotonic() >= self._down_until
            self._down_until = time.monotonic() + LEAVE_ALONE
        if first:
            logger.warning("The broker does not answer: limits are not counted.")


_counters = _Counters()
