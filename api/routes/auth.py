"""Signing up, signing in and out, passwords."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Status

from api.auth import Anyone, Request
from api.errors import refusals
from api.languages import asked_language
from api.schemas.users import (
    AccountOut,
    LoginIn,
    MessageOut,
    PasswordIn,
    RefreshIn,
    RegisterIn,
    ResetConfirmIn,
    ResetIn,
    TokensOut,
)
from api.throttles import AddressLimit
from apps.infra.client_address import client_address, counted_address
from apps.infra.limits import guesses, spend
from apps.users.accounts import registration
from apps.users.authentication import api_sessions, lockout, passwords
from apps.users.models import User

router = Router()


@router.post(
    "/register", auth=Anyone(), throttle=AddressLimit("register"), response={201: AccountOut}, operation_id="register"
)
def register(request: HttpRequest, body: RegisterIn) -> Status[User]:
    """Make an account. The role is chosen once. Messages come in the language of `Accept-Language`."""
    language = asked_language(request) or settings.LANGUAGE_CODE
    return Status(201, registration.register(**body.model_dump(), language=language))


@router.post("/login", auth=Anyone(), response={200: TokensOut, **refusals(503)}, operation_id="login")
def login(request: HttpRequest, body: LoginIn) -> api_sessions.Tokens:
    """Sign in by user name or mail address. Ten wrong guesses close an account to more for ten minutes.

    Where a second factor is set up, a login without `otp` answers 401 of the type `otp-required`, one with a code
    that is wrong or used 401 `otp-wrong`, what cannot be a code 401 `otp-malformed`; all three only once the password
    is right. A passkey, sent as `passkey`, takes the place of the code. From then on messages come in the language of
    `Accept-Language`, where that is sent.
    """
    with guesses(counted_address(request.META), lockout.lockout_key(body.username)):
        return api_sessions.sign_in(
            body.username,
            body.password,
            otp=body.otp,
            passkey=None if body.passkey is None else body.passkey.as_json(),
            address=client_address(request.META),
            user_agent=request.headers.get("User-Agent", ""),
            language=asked_language(request),
        )


@router.post("/refresh", auth=Anyone(), response={200: TokensOut}, operation_id="refresh")
def refresh(request: HttpRequest, body: RefreshIn) -> api_sessions.Tokens:
    """Exchange a refresh token for new tokens. Each is good once: one that comes again ends the login.

    A login lasts ninety days at most, however often it is refreshed.
    """
    return api_sessions.refresh(body.refresh)


@router.post("/logout", response={204: None}, operation_id="logout")
def logout(request: Request, body: RefreshIn) -> Status[None]:
    """End the login that the refresh token belongs to."""
    api_sessions.sign_out(request.user, body.refresh)
    return Status(204, None)


@router.post("/password", response={204: None}, operation_id="change_password")
def change_password(request: Request, body: PasswordIn) -> Status[None]:
    """Set a new password. Every login ends, this one included."""
    with guesses(counted_address(request.META), str(request.user.pk)):
        passwords.change_password(request.user, **body.model_dump())
    return Status(204, None)


@router.post(
    "/password_reset",
    auth=Anyone(),
    throttle=AddressLimit("password_reset_address"),
    response={200: MessageOut},
    operation_id="request_password_reset",
)
def request_reset(request: HttpRequest, body: ResetIn) -> dict[str, str]:
    """Mail a six-digit code to this address, if it belongs to a user. The answer does not say whether it does."""
    spend("password_reset", lockout.lockout_key(body.email))
    passwords.request_reset(body.email)
    return {"message": _("If the address belongs to an account, a code is on its way.")}


@router.post(
    "/password_reset/confirm", auth=Anyone(), response={200: MessageOut}, operation_id="confirm_password_reset"
)
def confirm_reset(request: HttpRequest, body: ResetConfirmIn) -> dict[str, str]:
    """Set a new password by the code from the mail. Every login ends."""
    # Counted apart from passwords, so that a user who tried those in vain can still use a code.
    with guesses(counted_address(request.META), f"code:{lockout.lockout_key(body.email)}"):
        passwords.confirm_reset(body.email, code=body.otp, password=body.password)
    return {"message": _("The new password is set. Sign in with it.")}
