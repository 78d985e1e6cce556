"""The web server: HTTP and sockets on one port."""

import os
import signal
import socket
import threading
from typing import Any

import uvicorn


def listen(host: str, port: int) -> socket.socket:
    """Raises OSError where the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def web_server(application: Any) -> uvicorn.Server:
    """Limits and manners of sockets are the product's; see the tests of `api.websocket`."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # TRUSTED_PROXIES says whose headers count
            ws_max_size=64 * 1024,
            ws_ping_interval=20,
            ws_ping_timeout=20,
            timeout_graceful_shutdown=3,
        )
    )


def end_with_supervisor() -> None:
    """End this process when whoever started it goes away, even killed: its end of our input closes then."""
    if os.environ.get("SUPERVISED") != "1":
        return

    def wait() -> None:
        os.read(0, 1)  # not through sys.stdin, whose lock would be missed at our end
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
