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
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from apps.access import granted_on_rows, may
from apps.errors import Refused
from apps.review.preferences import preference_of
from apps.review.time_zones import time_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from django.db.models import Model

    from apps.access import PermissionDecision
    from apps.errors import DomainError
    from apps.review.models import Preference
    from apps.users.models import Session, User

ZONE_KEY = "time_zone"
SHORTCUTS_KEY = "shortcuts"
"""Where the session has the viewer's time zone and shortcuts, so that no page needs a query for them."""


class Console:
    """What is known of one viewer while one request is answered: asked once, kept until the answer is given.

    It works without a request, too: `Console(user).may(…)` asks for any member of staff.
    """

    def __init__(self, viewer: User, session: Any = None) -> None:
        self.viewer = viewer
        self._stored: Any = {} if session is None else session
        """The Django session, in which preferences are cached."""
        self.denied: str | Promise = ""
        """The sentence of the permission that was denied last, for the page that says so."""
        self.is_poll = False
        """Whether the request is one that only open pages send (`mark_poll`)."""
        self.refusal = ""
        """The sentence that the request was refused with."""
        self.from_other_site = False
        """Whether it was refused because another site had the browser ask for it."""
        self.rejected: DomainError | None = None
        """The error that the domain answered a form with, shown in the form."""
        self.session: Session | None = None
        """The viewer's sign-in."""
        self.kept: dict[Any, Any] = {}
        """What a part of the console found out for this request and asks for again, by a key of its own."""
        self._decisions: dict[tuple[str, type[Model] | None, Any], PermissionDecision] = {}

    def may(self, perm: str, obj: Model | None = None) -> PermissionDecision:
        """`apps.access.may` for the viewer, asked once for each permission and object. A denial is kept in `denied`."""
        key = (perm, type(obj) if obj is not None else None, obj and obj.pk)
        if key not in self._decisions:
            self._decisions[key] = may(self.viewer, perm, obj)
        decision = self._decisions[key]
        if not decision:
            self.denied = decision.sentence
        return decision

    def deny(self, sentence: str) -> bool:
        """False; keeps in `denied` why something is denied that no permission opens."""
        self.denied = sentence
        return False

    # --- Preferences ------------------------------------------------------------------------------------------------

    @cached_property
    def preference(self) -> Preference:
        """The viewer's preferences, from the database."""
        return preference_of(self.viewer)

    @property
    def zone(self) -> ZoneInfo:
        """The viewer's time zone, asked of the database once a session."""
        if ZONE_KEY not in self._stored:
            self.store(self.preference)
        return time_zone(self._stored[ZONE_KEY])

    @property
    def shortcuts(self) -> dict[str, Any]:
        """Whether single-key shortcuts are on, and the viewer's own keys; asked of the database once a session."""
        if SHORTCUTS_KEY not in self._stored:
            self.store(self.preference)
        return self._stored[SHORTCUTS_KEY]

    def store(self, preference: Preference) -> None:
        """Keep in the session what every page needs of the preferences."""
        self._stored[ZONE_KEY] = preference.time_zone
        self._stored[SHORTCUTS_KEY] = {"on": preference.single_keys, "keys": preference.keys}

    # --- What is asked once -----------------------------------------------------------------------------------------

    @cached_property
    def rows_held(self) -> set[str]:
        """The permissions that the viewer has on single objects."""
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


def _account(user: Any) -> Any:
    """The account itself, in place of the stand-ins that find it when it is first asked for something, and that make
    six calls of each attribute from then on: a page asks for hundreds."""
    while isinstance(user, SimpleLazyObject):
        bool(user)  # finds it
        user = cast(Any, user)._wrapped
    return user


@contextmanager
def answering(request: HttpRequest) -> Iterator[StaffRequest]:
    """Make `request` the one being answered, with a `Console` of its user."""
    staff = cast("StaffRequest", request)
    staff.user = _account(staff.user)
    staff.console = Console(staff.user, getattr(staff, "session", None))
    token = _request.set(staff)
    try:
        yield staff
    finally:
        _request.reset(token)


POLL = "X-Poll"
"""The header of what an open page requests by itself, without its user."""
PART = "X-Part"
"""The header with which a page's script asks for a part of a page."""

AHEAD = "X-Ahead"
"""The header of what a page fetches before it shows it: a view of its own only once it is shown."""


def is_ahead(request: HttpRequest) -> bool:
    """Whether it is fetched before it is shown."""
    return AHEAD in request.headers


def is_poll(request: StaffRequest) -> bool:
    """Whether an open page polls: by its header, or at an address that nothing else requests."""
    return POLL in request.headers or is_poll_address(request)


def is_poll_address(request: StaffRequest) -> bool:
    """Whether only open pages request the address. The client cannot claim this, unlike the header, so what is
    recorded depends on it."""
    return request.console.is_poll


def mark_poll(request: StaffRequest) -> None:
    """Mark a request to an address that only open pages request."""
    request.console.is_poll = True


def read_only() -> Refused:
    """The error of a page that takes no changes, whatever the permission."""
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
    """The page to go back to, as a form or link names it.

    `otherwise`, or the overview, where that is no page of ours.
    """
    back = request.POST.get("next", "") or request.GET.get("next", "")
    ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, request.get_host())
    return back if ours else otherwise or reverse("admin:index")


FILTERS = "_changelist_filters"
"""The parameter in which Django hands the filters of a list on to the pages of its rows."""


def with_filters(request: HttpRequest, address: str) -> str:
    """`address` with the filters of the list that the viewer came from, where it is a page of the same table.

    The list has them in its address; every other page of the table passes them on. An address
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
    """Another site had the browser send the request."""


def refuse_other_sites(request: HttpRequest) -> None:
    """Refuse what another site had the browser request: views of a user's data are logged, and shown to the user.
    Raises `OtherSite`."""
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise OtherSite("other-site", _("Views of this page are logged, so it opens only by a click of your own."))
