"""The request that the console is answering, for columns and fields, which Django hands a row alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

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


def way_back(request: HttpRequest) -> str:
    """Where a form says that it stands, to go back to; the overview where that is no page of ours."""
    back = request.POST.get("next", "")
    ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, request.get_host())
    return back if ours else reverse("admin:index")
