"""A socket process of its own, for tests that need two, or kill one: `python -m tests.sockets.server`.

It takes the name of the database, the address of the broker, and the number of an open file that listens.
"""

import os
import socket
import sys

import django
from django.conf import settings


def main(database: str, broker: str, listener: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    settings.DATABASES["default"]["NAME"] = database
    settings.REDIS_URL = settings.CACHES["default"]["LOCATION"] = broker
    django.setup()
    from config.asgi import application
    from ops.web import web_server

    web_server(application).run(sockets=[socket.socket(fileno=int(listener))])


main(*sys.argv[1:])
