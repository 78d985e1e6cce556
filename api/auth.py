"""Who calls: read from the access token and checked before anything else of the request. Cookies count for nothing."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.errors import AuthenticationError
from ninja_jwt.authentication import JWTAuth
from ninja_jwt.exceptions import InvalidToken

from api.throttles import caller
from apps.errors import Refused, WrongCredentials
from apps.infra.limits import spend
from apps.users.authentication import api_sessions
from apps.users.authentication.tokens import dead_token
from apps.users.models import Session
from apps.users.models import User as Person
from apps.users.permissions import VERIFIED, require_not_suspended


class Request(HttpRequest):
    """What a call gets where a user is signed in."""

    user: Person
    auth: Session


class ImpersonatedRequest(WSGIRequest):
    """A call that staff make to see what `person` sees. No client can send one; it is made in `as_seen.py`."""

    person: Person


class Anyone(JWTAuth):
    """Opens a call to everyone. A token that is sent along must be good all the same.

    Sets `request.user`, and `request.auth` to the session where a user is signed in.
    """

    def __call__(self, request: HttpRequest) -> Any:
        request.user = AnonymousUser()
        if isinstance(request, ImpersonatedRequest):
            session: Session | None = api_sessions.hypothetical_session(request.person)
            request.user = request.person
        else:
            session = self._known_session(request)
        if session is not None:
            self.check(session)
        return session or request.user

    def _known_session(self, request: HttpRequest) -> Session | None:
        try:
            return self._session(request)
        finally:
            spend("default", caller(request))

    def _session(self, request: HttpRequest) -> Session | None:
        header = request.headers.get(self.header)
        if header is None:
            return None
        # Read here, since the library takes any other scheme for no token, and under DEBUG logs the header.
        scheme, _space, token = header.partition(" ")
        if scheme.lower() != self.openapi_scheme:
            raise WrongCredentials("invalid-token", _("Send the access token as “Authorization: Bearer …”."))
        return self.jwt_authenticate(request, token.strip())

    def jwt_authenticate(self, request: HttpRequest, token: str) -> Session:  # type: ignore[override]
        """The live login of an access token, whose user becomes the request's. Raises `WrongCredentials`."""
        try:
            session = api_sessions.session_of(self.get_validated_token(token))  # type: ignore[arg-type]
        except InvalidToken as error:
            raise dead_token() from error
        request.user = session.user
        return session

    def check(self, session: Session) -> None:
        require_not_suspended(session.user)


class User(Anyone):
    """Opens a call to every active end user."""

    def __call__(self, request: HttpRequest) -> Any:
        caller = super().__call__(request)
        if not isinstance(caller, Session):
            raise AuthenticationError
        return caller


class EvenSuspended(User):
    """Opens a call to every end user, also while suspended: what they need to know of it and to answer."""

    def check(self, session: Session) -> None:
        """Signed in is enough."""


class Verified(User):
    """Opens a call to end users with the badge."""

    def check(self, session: Session) -> None:
        super().check(session)
        if not VERIFIED.passes(session.user, timezone.now()):
            raise Refused(
                "verification-required", _("Verify your account first: send in a document at /api/users/verify.")
            )
