"""Where sockets are, and who may open any."""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from api.realtime.auth import is_foreign
from api.realtime.consumers import ChatSocket, NotificationSocket, Nowhere

_addresses = URLRouter(
    [
        re_path(r"^ws/chat/(?P<room_name>[\w-]{1,64})/$", ChatSocket.as_asgi()),
        re_path(r"^ws/notifications/$", NotificationSocket.as_asgi()),
        re_path(r"", Nowhere.as_asgi()),
    ]
)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuses pages of others before the handshake."""
    if is_foreign(scope):
        await receive()
        await send({"type": "websocket.close"})
        return
    await _addresses(scope, receive, send)
