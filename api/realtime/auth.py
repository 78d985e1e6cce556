"""Who opens a socket, from where, and whether they may stay."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http.request import validate_host
from django.utils.translation import gettext as _
from pydantic import TypeAdapter, ValidationError

from api.schemas.chat import Seq
from apps.chat.permissions import still_members
from apps.errors import DomainError, Invalid, Refused, WrongCredentials
from apps.users.authentication import socket_tickets
from apps.users.authentication.socket_tickets import SocketCredential
from apps.users.models import User

if TYPE_CHECKING:
    from api.realtime.base import Socket

PROTOCOL = "infloo.v1"
"""What the server speaks, where a client asks for a subprotocol; a ticket may stand beside it, as `ticket.<ticket>`."""
TICKET = "ticket."
_POSITION: TypeAdapter[int] = TypeAdapter(Seq)

type Scope = dict[str, Any]


def credential_of(scope: Scope) -> SocketCredential:
    """What a socket is let in on. Raises `WrongCredentials` where that is nothing; the query string is never read."""
    for value in _headers(scope, b"authorization"):
        scheme, _space, token = value.partition(" ")
        if scheme.lower() == "bearer":
            return socket_tickets.from_token(token.strip())
    for protocol in scope["subprotocols"]:
        if protocol.startswith(TICKET):
            return socket_tickets.from_ticket(protocol.removeprefix(TICKET))
    raise WrongCredentials("unauthenticated", _("Sign in first: a socket needs an access token or a ticket."))


def position_of(scope: Scope) -> int | None:
    """The number of the message after which a chat goes on, where the address gives one, as in `?after=17`.

    Raises `Invalid` for what is no such number.
    """
    given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("after")
    if given is None:
        return None
    try:
        return _POSITION.validate_json(given[-1])
    except ValidationError:
        raise Invalid("invalid", "`after` is the number of a message, 0 or more.", field="after") from None


def is_foreign(scope: Scope) -> bool:
    """Whether a page of a foreign site opens it. Apps that are no browsers send no origin."""
    return not all(_is_ours(origin) for origin in _headers(scope, b"origin"))


def _is_ours(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
    except ValueError:
        return False
    host = f"[{host}]" if ":" in host else host
    return parts.scheme in ("http", "https") and validate_host(host, settings.ALLOWED_HOSTS)


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def revalidate(sockets: Collection[Socket]) -> dict[Socket, User | DomainError]:
    """For each socket its user as they are now, or why it may not be open. Two queries, however many."""
    logins = socket_tickets.valid_sessions({socket.credential for socket in sockets})
    places = {socket: (socket.room_id, login.user_id) for socket in sockets if (login := logins.get(socket.credential))}
    members = still_members((room, person) for room, person in places.values() if room is not None)
    verdicts: dict[Socket, User | DomainError] = {}
    for socket in sockets:
        login = logins.get(socket.credential)
        if login is None:
            verdicts[socket] = WrongCredentials("unauthenticated", _("The login of this socket has ended."))
            continue
        try:
            socket.guard.check(login)
        except DomainError as refusal:
            verdicts[socket] = refusal
            continue
        room, person = places[socket]
        if room is None or (room, person) in members:
            verdicts[socket] = login.user
        else:
            verdicts[socket] = Refused("blocked", _("This conversation is closed."))
    return verdicts
