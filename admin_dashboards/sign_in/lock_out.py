"""The lock-out of the console, kept by django-axes: when passwords may be tried, at sign-in and at the step-up.

Two rules apply. The limits of guesses, counted together with the API's: `login_account` for an account, from wherever
it is tried, and `login_address` for an address, whatever the accounts. And ten wrong passwords in a row lock an
account, from the address they came from, for ten minutes, each ten more for longer; a right sign-in from there, a
release or a day without a wrong password ends the row.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.infra.client_address import counted_address
from apps.infra.limits import TooMany, check_guesses, count_wrong_guess, forget_wrong_guesses
from apps.users.authentication.console_sessions import sign_in_failed
from apps.users.authentication.lockout import lockout_key

type Credentials = dict[str, Any] | None

LOCKS = [timedelta(minutes=minutes) for minutes in (10, 20, 40, 60)]
"""How long the first ten wrong passwords lock, the second ten, and so on; the last, all that follow."""


def account(request: HttpRequest, credentials: Credentials) -> str:
    """What the account in `credentials` is counted under."""
    return lockout_key((credentials or {}).get("username") or "")


def address(request: HttpRequest) -> str:
    """Where the request came from; where that is not known, the unspecified address: no NULL equals another."""
    return counted_address(request.META) or "::"


def wait(request: HttpRequest, credentials: Credentials) -> int:
    """In how many whole seconds the account may be tried from the address of the request; 0: now."""
    key = _key(request, credentials)
    attempt = AccessAttempt.objects.filter(**key).first()
    left = 0 if attempt is None else _seconds_left(attempt)
    try:
        check_guesses(counted_address(request.META), key["username"])
    except TooMany as refusal:
        return max(left, refusal.wait)
    return left


def take_refusal(request: HttpRequest) -> int:
    """The same where the lock-out refused the request, for a page that says so itself; else 0."""
    if not getattr(request, "axes_locked_out", False):
        return 0
    request.axes_locked_out = False  # type: ignore[attr-defined]
    return max(1, wait(request, request.axes_credentials))  # type: ignore[attr-defined]


def page(request: HttpRequest, response: HttpResponse, credentials: Credentials) -> HttpResponse:
    """The answer to a request that was refused, in place of `response`."""
    seconds = take_refusal(request)
    answer = render(request, "admin/locked_out.html", {"minutes": math.ceil(seconds / 60)}, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


class LockOut(AxesDatabaseHandler):
    """Axes' own, with one row for an account and address that has a number and a time, and no input."""

    def get_failures(self, request: HttpRequest, credentials: Credentials = None) -> int:
        """As many as lock, or none."""
        return settings.AXES_FAILURE_LIMIT if wait(request, credentials) else 0

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **rest: Any
    ) -> None:
        """Count a wrong password, unless it was refused; the one that completes ten in a row is refused, too."""
        assert request is not None, "axes refuses a password that comes without a request"
        request.axes_credentials = credentials  # type: ignore[attr-defined]
        if request.axes_locked_out:  # type: ignore[attr-defined]
            return
        failures = _count(request, credentials)
        if failures:
            try:
                count_wrong_guess(counted_address(request.META), account(request, credentials))
            except TooMany:
                failures = 0
        request.axes_locked_out = failures % settings.AXES_FAILURE_LIMIT == 0  # type: ignore[attr-defined]

    def user_logged_in(self, sender: Any, request: HttpRequest, user: Any, **rest: Any) -> None:
        super().user_logged_in(sender, request, user, **rest)
        forget_wrong_guesses(lockout_key(user.get_username()))

    def reset_attempts(self, *, username: str | None = None, **rest: Any) -> int:
        """As axes', by `account`, for a release: the account's wrong guesses at the API are forgotten, too."""
        if username is not None:
            forget_wrong_guesses(username)
        return int(super().reset_attempts(username=username, **rest))


@transaction.atomic
def _count(request: HttpRequest, credentials: dict[str, Any]) -> int:
    """How many failures there are with this one; 0 where it does not count, since the account is locked already."""
    # There before it is counted up, so that many at once wait for it one after another: ten get an answer.
    attempt, _created = AccessAttempt.objects.select_for_update().get_or_create(
        **_key(request, credentials), defaults={"failures_since_start": 0}
    )
    if _seconds_left(attempt):
        return 0
    now = timezone.now()
    if attempt.attempt_time <= now - settings.AXES_COOLOFF_TIME:
        attempt.failures_since_start = 0
    attempt.failures_since_start += 1
    attempt.attempt_time = now
    attempt.save()
    sign_in_failed(credentials["username"])
    return int(attempt.failures_since_start)


def _key(request: HttpRequest, credentials: Credentials) -> dict[str, str]:
    return {"username": account(request, credentials), "ip_address": address(request), "user_agent": ""}


def _seconds_left(attempt: AccessAttempt) -> int:
    """How much longer the failures of a row lock."""
    rounds, since = divmod(attempt.failures_since_start, settings.AXES_FAILURE_LIMIT)
    if since or not rounds:
        return 0
    end = attempt.attempt_time + LOCKS[min(rounds, len(LOCKS)) - 1]
    return max(0, math.ceil((end - timezone.now()).total_seconds()))
