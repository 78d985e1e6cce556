"""The web process of production: HTTP alone, by granian, which stops without failing a request."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, cast

from granian.constants import Interfaces
from granian.server.mp import MPServer

from apps.infra import draining

# Calls at a time that wait for something; `config.turns` says how many compute.
THREADS = 16


class WebServer(MPServer):
    """First asks to be left out, and answers on for `drain` seconds; then calls under way have `stop` seconds."""

    def __init__(self, host: str, port: int, *, drain: float, stop: float) -> None:
        super().__init__(
            "config.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            websockets=False,
            workers=1,
            blocking_threads=THREADS,
            workers_kill_timeout=max(1, round(stop)),
        )
        self._drain: float | None = drain

    def run(self) -> None:
        # The worker inherits it: asked before it listens for the signal, it has nothing to drain.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        self.serve(target_loader=_load, wrap_loader=False)

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        drain, self._drain = self._drain, None
        if not drain:  # asked a second time, or told not to wait
            cast(Any, super()).signal_handler_interrupt()
            return
        for worker in self.wrks:
            os.kill(worker.inner.pid, signal.SIGUSR1)
        timer = threading.Timer(drain, cast(Any, super()).signal_handler_interrupt)
        timer.daemon = True  # asked a second time, the process ends before
        timer.start()


def _load() -> Any:
    """In the worker: the application, and what the worker does when it is asked to drain."""
    # A thread of its own waits for it: a handler is run by the main thread alone, which another thread that gets the
    # signal does not wake.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    threading.Thread(target=_drain_when_asked, daemon=True).start()
    from config.wsgi import application

    return application


def _drain_when_asked() -> None:
    signal.sigwait({signal.SIGUSR1})
    draining.begin()
