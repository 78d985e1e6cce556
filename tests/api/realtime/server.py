"""A socket process of its own, for tests that need two, or kill one: `python -m tests.api.realtime.server`.

It takes the name of the database, the addresses of Valkey servers with commas between, and the number of an open file
that listens. The first server keeps what is not published.
"""

import os
import socket
import sys

from django.conf import settings

from config.layers import channel_layers
from config.loading import load


def main(database: str, brokers: str, listener: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    settings.DATABASES["default"]["NAME"] = database
    urls = brokers.split(",")
    settings.REDIS_URL = settings.CACHES["default"]["LOCATION"] = urls[0]
    settings.CHANNEL_LAYERS = channel_layers(urls, settings.BROADCAST_PREFIX)
    load()
    from config.asgi import application
    from ops.web import web_server

    web_server(application).run(sockets=[socket.socket(fileno=int(listener))])


main(*sys.argv[1:])
