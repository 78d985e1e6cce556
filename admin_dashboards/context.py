"""The request that the console is answering, for columns and fields, which Django hands a row alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from apps.access import granted_on_rows, may
from apps.errors import Refused

if TYPE_CHECKING:
    from django.db.models import Model

    from apps.access import PermissionDecision
    from apps.errors import DomainError
    from apps.users.models import Session, User


class Console:
    """What is known of one viewer while one request is answered: asked once, kept until the answer is given.

    It works without a request, too: `Console(user).may(…)` asks for any member of staff.
    """

    def __init__(self, viewer: User) -> None:
        self.viewer = viewer
        self.denied = ""
        """Why something was denied last, as a sentence for the page that says so."""
        self.rejected: DomainError | None = None
        """The error that the domain answered a form with, shown in the form."""
        self.session: Session | None = None
        """The viewer's sign-in."""
        self.kept: dict[Any, Any] = {}
        """What a part of the console found out for this request and asks for again, by a key of its own."""
        self._decisions: dict[tuple[str, type[Model] | None, Any], PermissionDecision] = {}

    def may(self, perm: str, obj: Model | None = None) -> PermissionDecision:
        """`apps.access.may` for the viewer, asked once for each permission and object."""
        key = (perm, type(obj) if obj is not None else None, obj and obj.pk)
        if key not in self._decisions:
            self._decisions[key] = may(self.viewer, perm, obj)
        return self._decisions[key]

    def deny(self, sentence: str) -> bool:
        """False, with the reason kept for the page that says it."""
        self.denied = sentence
        return False

    @cached_property
    def rows_held(self) -> set[str]:
        """The permissions that the viewer holds on single objects."""
        return granted_on_rows(self.viewer)

    def once[T](self, key: Any, find: Callable[[], T]) -> T:
        """What `find` returns, called once for `key`."""
        if key not in self.kept:
            self.kept[key] = find()
        return self.kept[key]


class StaffRequest(HttpRequest):
    """A request that the console answers to a member of staff, as every page behind the sign-in gets it.

    For types alone: the console sets `console` on the request of the server (`answering`).
    """

    user: User
    console: Console


_request: ContextVar[StaffRequest] = ContextVar("console_request")


def asking() -> StaffRequest:
    """The request being answered. Model admins are shared between threads, so it is never kept on them."""
    return _request.get()


@contextmanager
def answering(request: HttpRequest) -> Iterator[StaffRequest]:
    """Make `request` the one being answered, with a `Console` of its user."""
    staff = cast("StaffRequest", request)
    staff.console = Console(staff.user)
    token = _request.set(staff)
    try:
        yield staff
    finally:
        _request.reset(token)


POLL = "X-Poll"
"""The header of what an open page asks by itself, with nobody doing anything."""
PART = "X-Part"
"""The header with which a page's script asks for a part of a page."""

AHEAD = "X-Ahead"
"""The header of what a page fetches before it shows it: a view of its own only once it is shown."""


def is_ahead(request: HttpRequest) -> bool:
    """Whether it is fetched ahead, for nobody to look at yet."""
    return AHEAD in request.headers


def is_poll(request: HttpRequest) -> bool:
    """Whether an open page asks by itself: by its header, or at an address that nothing else asks."""
    return POLL in request.headers or is_poll_address(request)


def is_poll_address(request: HttpRequest) -> bool:
    """Whether the address is one that only open pages ask. Unlike the header, this is no word of the client's: what
    is recorded goes by it."""
    return getattr(request, "is_poll", False)


def mark_poll(request: HttpRequest) -> None:
    """Say so of a request to an address that only open pages ask."""
    request.is_poll = True  # type: ignore[attr-defined]


def read_only() -> Refused:
    """What a page answers that is only looked at, whatever the permission."""
    return Refused("read-only", _("This page is read-only."))


def asks_by_script(request: HttpRequest) -> bool:
    """Whether a script reads the answer, rather than a person."""
    by_header = POLL in request.headers or PART in request.headers
    return by_header or request.headers.get("Accept") == "application/json"


def page_of(request: HttpRequest) -> str:
    """The page that a form was sent from, to go back to; the address itself where that is not known."""
    console, page = reverse("admin:index"), urlsplit(request.headers.get("Referer", ""))
    ours = page.netloc == request.get_host() and page.path.startswith(console)
    if request.method in ("GET", "HEAD") or not ours or page.path.startswith(reverse("admin:login")):
        return request.get_full_path()
    return f"{page.path}?{page.query}" if page.query else page.path


def way_back(request: HttpRequest, otherwise: str = "") -> str:
    """Where a form or a link says that it stands, to go back to.

    `otherwise`, or the overview, where that is no page of ours.
    """
    back = request.POST.get("next", "") or request.GET.get("next", "")
    ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, request.get_host())
    return back if ours else otherwise or reverse("admin:index")


FILTERS = "_changelist_filters"
"""The parameter in which Django hands the filters of a list on to the pages of its rows."""


def with_filters(request: HttpRequest, address: str) -> str:
    """`address` with the filters of the list that the person came from, where it is a page of the same table.

    Back at the list they stand in the address as before; every other page of the table hands them on. An address
    that has filters already, or that leads elsewhere, stays as it is.
    """
    table = table_of(request.path)
    if table is None or not address.startswith(table):
        return address
    lists = (table, f"{table}export/")
    filters = request.GET.urlencode() if request.path in lists else request.GET.get(FILTERS, "")
    path, mark, query = address.partition("?")
    if not filters or FILTERS in query or (mark and path == table):
        return address
    return f"{path}?{filters}" if path == table else f"{address}{'&' if mark else '?'}{urlencode({FILTERS: filters})}"


def table_of(path: str) -> str | None:
    """The address of the table that a page belongs to; None for what is no page of a table."""
    console = reverse("admin:index")
    names = path.removeprefix(console).split("/")[:2]
    known = path.startswith(console) and len(names) == 2 and names[1] in apps.all_models.get(names[0], ())
    return f"{console}{names[0]}/{names[1]}/" if known else None


class OtherSite(Refused):
    """Another site had the browser ask for it."""


def refuse_other_sites(request: HttpRequest) -> None:
    """Refuse what another site had the browser ask for: each view of somebody's data is written down, and told to
    them. Raises `OtherSite`."""
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise OtherSite("other-site", _("Views of this page are logged, so it opens only by a click of your own."))
