"""The request that the console is answering, for columns and fields, which Django hands a row alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest

_request: ContextVar[HttpRequest] = ContextVar("console_request")


def asking() -> HttpRequest:
    """Whoever asks, and for what. Model admins are shared between threads, so the request is never kept on them."""
    return _request.get()


@contextmanager
def asked_by(request: HttpRequest) -> Iterator[None]:
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)
