"""Sockets, and for one-port serving HTTP too, handed to the WSGI application in threads.

Django's own ASGI handler answers HTTP at a fraction of the speed, so it is not used.
"""

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter

from config.wsgi import application as wsgi_application

from api.websocket.routing import application as sockets  # isort: skip  # after Django is set up

application = ProtocolTypeRouter({"http": WSGIMiddleware(wsgi_application, workers=16), "websocket": sockets})
