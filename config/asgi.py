"""Sockets, and for one-port serving HTTP too, handed to the WSGI application in threads.

Django's own ASGI handler answers HTTP at a fraction of the speed, so it is not used.
"""

from typing import Any

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter

from config.wsgi import application as wsgi_application

from api.realtime.routing import application as sockets  # isort: skip  # after Django is set up
from config.bodies import WholeBodies  # isort: skip

_wsgi: Any = WholeBodies(WSGIMiddleware(wsgi_application, workers=16))


async def http(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The WSGI application, without headers that it could not distinguish from others: X_Real_IP from X-Real-IP."""
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    await _wsgi(scope | {"headers": headers}, receive, send)


application = ProtocolTypeRouter({"http": http, "websocket": sockets})
