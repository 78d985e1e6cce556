"""One's passkeys, and signing in with one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from api.auth import Anyone, Request
from api.errors import refusals
from api.languages import asked_language
from api.pagination import Page, Paging, paginate
from api.schemas.common import PathId
from api.schemas.passkeys import (
    PasskeyBeginIn,
    PasskeyIn,
    PasskeyLoginBeginIn,
    PasskeyLoginIn,
    PasskeyOut,
    PasskeyRemoveIn,
)
from api.schemas.users import TokensOut
from api.schemas.webauthn import CreationOptionsOut, RequestOptionsOut
from apps.infra.client_address import client_address, counted_address
from apps.infra.limits import guesses
from apps.users.authentication import api_sessions, passkeys
from apps.users.models import Passkey

router = Router()


@router.get("", response={200: Page[PasskeyOut]}, operation_id="list_own_passkeys")
def list_passkeys(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    """Last used first."""
    return paginate(request, passkeys.passkeys_of(request.user), paging)


@router.post("", response={200: CreationOptionsOut, **refusals(409, 503)}, operation_id="begin_passkey")
def begin_passkey(request: Request, body: PasskeyBeginIn) -> dict[str, Any]:
    """Options with which a browser or phone makes a passkey. It counts once `confirm` has had it, in five minutes."""
    with guesses(counted_address(request.META), str(request.user.pk)):
        return passkeys.begin_registration(request.user, password=body.password)


@router.post("/confirm", response={201: PasskeyOut, **refusals(409, 503)}, operation_id="confirm_passkey")
def confirm_passkey(request: Request, body: PasskeyIn) -> Status[Passkey]:
    """Keep the passkey that was made, under a name. Its owner is notified by mail.

    From now on it signs in by `login`, and takes the place of a code where a second factor is set up.
    """
    credential = body.credential.as_json()
    return Status(201, passkeys.finish_registration(request.user, name=body.name, credential=credential))


@router.post("/login", auth=Anyone(), response={200: RequestOptionsOut, **refusals(503)}, operation_id="begin_login")
def begin_login(request: HttpRequest, body: PasskeyLoginBeginIn) -> dict[str, Any]:
    """Options with which a browser or phone signs in by a passkey. They do not say whether there is such an account."""
    return passkeys.begin_login(body.username or "")


@router.post(
    "/login/confirm", auth=Anyone(), response={200: TokensOut, **refusals(503)}, operation_id="login_by_passkey"
)
def login_by_passkey(request: HttpRequest, body: PasskeyLoginIn) -> api_sessions.Tokens:
    """Sign in by what a passkey has signed, without a password. It verifies its user, so no code is asked for either.

    What does not fit is 401 of the type `wrong-passkey`, a challenge that was used or is over 401 `passkey-expired`.
    From then on messages come in the language of `Accept-Language`, where that is sent.
    """
    # Not counted for the account: nobody guesses a signature, and strangers must not hold up its owner.
    with guesses(counted_address(request.META), None):
        return api_sessions.sign_in_by_passkey(
            body.credential.as_json(),
            address=client_address(request.META),
            user_agent=request.headers.get("User-Agent", ""),
            language=asked_language(request),
        )


@router.delete("/{passkey_id}", response={204: None}, operation_id="remove_passkey")
def remove_passkey(request: Request, passkey_id: PathId, body: PasskeyRemoveIn) -> Status[None]:
    """Remove a passkey. Its owner is notified by mail; logins that it began live on."""
    with guesses(counted_address(request.META), str(request.user.pk)):
        passkeys.remove(request.user, passkey_id, password=body.password)
    return Status(204, None)
