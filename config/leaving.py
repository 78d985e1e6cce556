"""Connections of a process that is about to stop: each answer is the last on its own."""

from __future__ import annotations

from typing import Any

from apps.infra import draining


def closing_when_draining(application: Any) -> Any:
    """A WSGI application whose answers close their connection while the process drains, so that proxies open another
    elsewhere in place of one that is about to break."""

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        if not draining.is_draining():
            return application(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, ("Connection", "close")], exc_info)

        return application(environ, start)

    return call
