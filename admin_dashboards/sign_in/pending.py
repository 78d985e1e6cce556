"""A sign-in from the password to the second factor.

A user who has given only the password is not signed in: the session keeps a note of the pending sign-in, and no user.
So nothing opens to them, whatever the method; the pages of the console lead them back to where they enter the code.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache, partial

import django_otp
from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django_otp.middleware import is_verified
from django_otp.models import Device

from admin_dashboards.context import answering
from admin_dashboards.registry import landing
from apps.audit.context import origin
from apps.users.authentication import console_sessions, mfa
from apps.users.models import User
from apps.visibility.slots import VIEWER
from apps.visibility.statement import Statement

BACKEND = "apps.users.backends.Accounts"
PENDING = "signing_in"
PENDING_FOR = timedelta(minutes=10)
DEVICE = "device"
DEVICE_AGE = timedelta(days=365)
# How many accounts one browser is remembered for.
DEVICE_ACCOUNTS = 8


def is_satisfied(request: HttpRequest) -> bool:
    """Whether the session is verified as this installation requires of staff."""
    return settings.STAFF_MFA == "optional" or request.user.is_verified()  # type: ignore[union-attr]


def mark_verified(request: HttpRequest, device: Device) -> None:
    """Keep in the session which device of its user has given a code."""
    django_otp.login(request, device)
    # The middleware did this for the user at the start of the request, and the library does not do it again.
    request.user.is_verified = partial(is_verified, request.user)  # type: ignore[union-attr]


def pending_user(request: HttpRequest) -> User | None:
    """The user who has given the password in this session in the last ten minutes, and no code yet; else None."""
    note = request.session.get(PENDING)
    if note is None:
        return None
    if note["at"] > (timezone.now() - PENDING_FOR).timestamp():
        # The note is void once the password has changed or the account was deactivated, as a session would be.
        user: User
        for user in _active_staff().rows({"viewer": note["user"]}):
            unchanged = note.get("version") == user.token_version
            if unchanged and constant_time_compare(note["hash"], user.get_session_auth_hash()):
                return user
    del request.session[PENDING]
    return None


@cache
def _active_staff() -> Statement:
    """The account of one number. Each page asks for it while a sign-in is pending."""
    return Statement(User.objects.staff().active().filter(pk=VIEWER))


def next_page(request: HttpRequest) -> str | None:
    """The page of the next step of a pending sign-in; None where there is none."""
    user = pending_user(request)
    return None if user is None else page_for(user)


def after_password(request: HttpRequest, user: User, next_address: str) -> HttpResponse:
    """Sign `user` in, or keep the sign-in pending until they have given a code."""
    if not mfa.is_enabled(user) and settings.STAFF_MFA == "optional":
        return let_in(request, user, HttpResponseRedirect(next_address))
    if request.user.is_authenticated:
        logout(request)
    request.session.cycle_key()
    request.session[PENDING] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "version": user.token_version,
        "at": timezone.now().timestamp(),
        "next": next_address,
    }
    return HttpResponseRedirect(page_for(user))


def let_in(request: HttpRequest, user: User, response: HttpResponse, *, device: Device | None = None) -> HttpResponse:
    """Sign `user` in under a new session key, verified by `device`; notify them by mail of a new browser."""
    devices = _devices(request)
    if str(user.pk) not in devices:
        console_sessions.notify_of_device(
            user, address=origin().address, user_agent=request.headers.get("User-Agent", "")
        )
    request.session.pop(PENDING, None)
    login(request, user, backend=BACKEND)
    if device is not None:
        mark_verified(request, device)
    request.session.cycle_key()
    if isinstance(response, HttpResponseRedirect):
        response["Location"] = landing_of(request, response["Location"])
    known = [str(user.pk), *(pk for pk in devices if pk != str(user.pk))][:DEVICE_ACCOUNTS]
    response.set_signed_cookie(
        settings.DEVICE_COOKIE_NAME,
        "-".join(known),
        salt=DEVICE,
        max_age=DEVICE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def landing_of(request: HttpRequest, address: str) -> str:
    """`address`, or the only desk of the user who is signed in now."""
    # What is known so far is of the user before the sign-in.
    with answering(request) as theirs:
        return landing(theirs, address)


def _devices(request: HttpRequest) -> list[str]:
    known = request.get_signed_cookie(settings.DEVICE_COOKIE_NAME, default=None, salt=DEVICE)
    return known.split("-") if known else []


def page_for(user: User) -> str:
    return reverse("admin:login_code" if mfa.is_enabled(user) else "admin:login_enrol")
