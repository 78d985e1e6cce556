"""Django's development server, with our server in it: sockets too, and the code read anew when it changes."""

import asyncio
import os
from typing import Any

from django.core.management.commands import runserver
from django.utils import autoreload

from ops.web import listen, web_server


class Command(runserver.Command):
    help = "Serve HTTP and sockets, reloading when the code changes."
    addr: str
    port: str

    def inner_run(self, *args: Any, **options: Any) -> None:
        autoreload.raise_last_exception()
        if not options["skip_checks"]:
            self.check(display_num_errors=True)
        self.check_migrations()
        from config.asgi import application

        try:
            listener = listen(self.addr, int(self.port))
        except OSError as error:
            self.stderr.write(f"Cannot listen on {self.addr} port {self.port}: {error}")
            # The reloader runs us in a thread, which sys.exit would end alone.
            os._exit(1)
        self.stdout.write(f"Serving http://{self.addr}:{self.port}/ and its sockets; Ctrl-C stops it.")
        # Straight to the coroutine: signals belong to the reloader in the main thread.
        asyncio.run(web_server(application).serve(sockets=[listener]))
