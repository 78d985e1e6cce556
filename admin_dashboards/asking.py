"""The request that the console is answering, for columns and fields, which Django hands a row alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

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


FILTERS = "_changelist_filters"
"""The parameter in which Django hands the filters of a list on to the pages of its rows."""


def with_filters(request: HttpRequest, address: str) -> str:
    """`address` with the filters of the list that the person came from, where it is a page of the same table.

    Back at the list they stand in the address as before; every other page of the table hands them on. An address
    that has filters already, or that leads elsewhere, stays as it is.
    """
    table = _table_of(request.path)
    if table is None or not address.startswith(table):
        return address
    lists = (table, f"{table}export/")
    filters = request.GET.urlencode() if request.path in lists else request.GET.get(FILTERS, "")
    path, mark, query = address.partition("?")
    if not filters or FILTERS in query or (mark and path == table):
        return address
    return f"{path}?{filters}" if path == table else f"{address}{'&' if mark else '?'}{urlencode({FILTERS: filters})}"


def _table_of(path: str) -> str | None:
    """The address of the table that a page belongs to; None for what is no page of a table."""
    console = reverse("admin:index")
    names = path.removeprefix(console).split("/")[:2]
    known = path.startswith(console) and len(names) == 2 and names[1] in apps.all_models.get(names[0], ())
    return f"{console}{names[0]}/{names[1]}/" if known else None
