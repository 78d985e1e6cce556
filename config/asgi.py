"""Sockets, and for one-port serving HTTP too, handed to the WSGI application in threads.

Django's own ASGI handler answers HTTP at a fraction of the speed, so it is not used.
"""

from channels.routing import ProtocolTypeRouter

from config.wsgi import application as wsgi_application

from api.realtime.routing import application as sockets  # isort: skip  # after Django is set up
from config.bodies import WholeBodies  # isort: skip
from config.bridge import Bridge  # isort: skip

application = ProtocolTypeRouter({"http": WholeBodies(Bridge(wsgi_application, threads=16)), "websocket": sockets})
