"""How often a call may be made: counters in Valkey by the `limits` package, shared by all processes.

Each limit is a fixed window that begins with its first call. While Valkey takes none, calls go on uncounted, except
for those by which an account could be guessed at: each process counts these for itself.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from typing import cast

import redis
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from apps.errors import Invalid, LockedOut, Refused, WrongCredentials
from apps.infra import valkey

# The last means that a password of staff was right.
WRONG_GUESS = {"wrong-credentials", "wrong-password", "wrong-code", "otp-wrong", "wrong-passkey", "staff-account"}
# Limits that hold while Valkey is away, too.
GUESSES = {
    "login_account",
    "login_address",
    "password_reset",
    "password_reset_address",
    "register",
    "account_change",
}
# Hexadecimal digits. In a process there are 16 ** SLOT counters of a limit, however many names are made up; accounts
# that share one are counted together, so that many names at once close more, never fewer.
SLOT = 3

type Question = Callable[[FixedWindowRateLimiter, RateLimitItem], bool]


class TooMany(LockedOut):
    """The limit is reached; `wait` is in how many whole seconds it opens again."""

    def __init__(self, wait: int) -> None:
        minutes = math.ceil(wait / 60)
        if minutes > 2:
            text = ngettext(
                "Too many requests. Try again in %(minutes)d minute.",
                "Too many requests. Try again in %(minutes)d minutes.",
                minutes,
            ) % {"minutes": minutes}
        else:
            text = _("Too many requests. Try again in %(seconds)d seconds.") % {"seconds": wait}
        super().__init__("too-many-requests", text, wait=wait)


def spend(limit: str, who: object) -> None:
    """Count one call of `who` against the named limit. Raises `TooMany` where that was one too many.

    None means a client of whom nothing is known: such clients have nothing in common, and are not counted.
    """
    _counters.ask(FixedWindowRateLimiter.hit, limit, who)


def spend_each(limit: str, callers: Sequence[object]) -> list[TooMany | None]:
    """Count one call of each, in order and in one trip; for each what `spend` would raise. Not for `GUESSES`."""
    if not callers:
        return []
    items = [_item(limit, _name(who)) for who in callers]
    try:
        with valkey.asked() as client, client.pipeline(transaction=False) as pipe:
            storage = cast(_Shared, _shared(client.connection_pool).storage)
            for item in items:
                pipe.eval(COUNT, 1, storage.prefixed_key(item.key_for()), item.get_expiry(), 1)
            counts = pipe.execute()
            return [
                _too_many(storage, item) if count > item.amount else None
                for item, count in zip(items, counts, strict=True)
            ]
    except valkey.Away:
        return [None] * len(items)


def check(limit: str, who: object) -> None:
    """Raise `TooMany` where `who` has reached the named limit, without counting."""
    _counters.ask(FixedWindowRateLimiter.test, limit, who)


@contextmanager
def guesses(address: str | None, account: str | None) -> Iterator[None]:
    """Around a guess at a password or code: only wrong ones count, for the account and for the address.

    Checked before and after the guess, so that many at once get no more answers than one after another. No `account`
    where its wrong guesses are counted elsewhere.
    """
    check_guesses(address, account)
    try:
        yield
    except (WrongCredentials, Invalid, Refused) as error:
        if error.code in WRONG_GUESS:
            count_wrong_guess(address, account)
        raise
    check_guesses(address, account)


def check_guesses(address: str | None, account: str | None) -> None:
    """Raise `TooMany` where the account or the address has used up its wrong guesses."""
    for limit, who in _counted(address, account):
        check(limit, who)


def count_wrong_guess(address: str | None, account: str | None) -> None:
    """Count a wrong guess. Raises `TooMany` where it was one too many, and is not to be answered."""
    _spend_each(_counted(address, account))


def forget_wrong_guesses(account: str) -> None:
    """Let an account be guessed at anew. What was counted for addresses stays."""
    _counters.ask(_clear, "login_account", account)


def _counted(address: str | None, account: str | None) -> list[tuple[str, object]]:
    return [("login_account", account), ("login_address", address)]


def _clear(limiter: FixedWindowRateLimiter, item: RateLimitItem) -> bool:
    limiter.clear(item)
    return True


def _spend_each(counted: list[tuple[str, object]]) -> None:
    """Count against each limit, whatever the one before says; then raise `TooMany` where one was reached."""
    refusals = []
    for limit, who in counted:
        try:
            spend(limit, who)
        except TooMany as refusal:
            refusals.append(refusal)
    if refusals:
        raise max(refusals, key=lambda refusal: refusal.wait)


class _Shared(RedisStorage):
    """Counters in Valkey, which know the end of a window to the millisecond.

    The library asks by TTL, which rounds: a client could be asked to come back half a second early.
    """

    def get_expiry(self, key: str) -> float:
        left = cast(int, self.storage.pttl(self.prefixed_key(key)))
        return time.time() + max(0, left) / 1000


COUNT = _Shared.SCRIPT_INCR_EXPIRE.decode()


@cache
def _shared(pool: redis.ConnectionPool) -> FixedWindowRateLimiter:
    return FixedWindowRateLimiter(_Shared("redis://", connection_pool=pool, key_prefix="limit"))


class _Counters:
    """Counters that forget themselves: in Valkey, and where that counts nothing, those of guesses in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def ask(self, question: Question, limit: str, who: object) -> None:
        """`hit` or `test` the counter of `who`. Raises `TooMany` where the answer is no.

        No client is counted as None: all whose address cannot be read would share one counter.
        """
        if who is None:
            return
        name = _name(who)
        is_done = question is FixedWindowRateLimiter.hit
        try:
            with valkey.asked() as client:
                _ask(_shared(client.connection_pool), question, limit, name)
        except valkey.Away:
            is_done = False
        # What was counted here counts, though Valkey answers again: one that is full or read-only still says how few
        # guesses it knows of.
        if limit in GUESSES and not is_done:
            with self._lock:  # the library's own counters lose calls that begin a window at the same instant
                _ask(self._here, question, limit, name[:SLOT])

    @cached_property
    def _here(self) -> FixedWindowRateLimiter:
        return FixedWindowRateLimiter(MemoryStorage())


def _name(who: object) -> str:
    # Hashed, since accounts are named by strangers at any length.
    return hashlib.blake2b(str(who).encode(), digest_size=16).hexdigest()


def _item(limit: str, name: str) -> RateLimitItem:
    count, seconds = settings.LIMITS[limit]
    allowed = max(1, round(count * settings.LIMITS_SCALE))
    return RateLimitItemPerSecond(allowed, int(seconds), namespace=f"{limit}:{name}")


def _ask(limiter: FixedWindowRateLimiter, question: Question, limit: str, name: str) -> None:
    item = _item(limit, name)
    if not question(limiter, item):
        raise _too_many(limiter.storage, item)


def _too_many(storage: Storage, item: RateLimitItem) -> TooMany:
    return TooMany(max(1, math.ceil(storage.get_expiry(item.key_for()) - time.time())))


_counters = _Counters()
