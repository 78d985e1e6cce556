"""A desk: a place in the console that works through something, beside the tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.forms import Media
from django.http import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.functional import Promise

from admin_dashboards.context import StaffRequest, read_only
from apps.access import note_use
from apps.review.shortcuts import GROUPS

READING = ("GET", "HEAD", "OPTIONS")

type View = Callable[..., HttpResponseBase]
type Opens = Callable[[StaffRequest], bool]


class Desk(ABC):
    """Lies at `/admin/<slug>/`; its addresses are named `desk_<slug>` and `desk_<slug>_<page>`.

    A slug with a slash, such as "moderation/appeals", lies below another desk; names have "_" in its place.
    """

    slug: ClassVar[str]
    title: ClassVar[str | Promise]
    icon: ClassVar[str]
    """The name of a Material symbol."""
    permission: ClassVar[str]
    """Opens the desk to users who have it, on all rows or on one."""
    in_menu: ClassVar[bool] = True
    order: ClassVar[int]
    """Its place in the menu; lower comes first."""
    media: ClassVar[Media] = Media(js=["admin_dashboards/desk.js"])
    """The styles and scripts of its pages, beside those of the console."""
    has_queue: ClassVar[bool] = False
    """Whether it is a `review.desk.WorkDesk`."""

    @abstractmethod
    def get_urls(self) -> list[URLPattern]:
        """Its pages, each through `view`."""

    @property
    def places(self) -> Mapping[str, Opens]:
        """Its pages of which filters are saved, by the names of their addresses, and who opens each."""
        return {f"admin:{self.name}": self.may_open}

    def may_open(self, request: StaffRequest) -> bool:
        """Whether the viewer has the permission of the desk, on all rows or on one."""
        return bool(request.console.may(self.permission)) or self.held_on_rows(request)

    def is_in_menu(self, request: StaffRequest) -> bool:
        """Whether the menu leads the viewer to it."""
        return self.in_menu and self.may_open(request)

    def may_share_filters(self, request: StaffRequest) -> bool:
        """Whether the viewer may show a saved filter to all who open one of its `places`."""
        return False

    def held_on_rows(self, request: StaffRequest) -> bool:
        return self.permission in request.console.rows_held

    def view(self, view: View, *, posts: bool = False, opens: Opens | None = None) -> View:
        """`view` as a page of the console, denied to users who may not open the desk.

        It refuses forms unless it `posts`. `opens` is the check of a page with a permission of its own.
        """

        @wraps(view)
        def answer(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not (opens or self.may_open)(request):
                raise PermissionDenied
            if request.method not in READING and not posts:
                raise read_only()
            if opens is None:
                note_use(self.permission)
            return view(request, *args, **kwargs)

        return admin.site.admin_view(answer)

    @property
    def address(self) -> str:
        return reverse(f"admin:{self.name}")

    @property
    def name(self) -> str:
        return f"desk_{self.slug.replace('/', '_')}"

    def page(
        self, request: StaffRequest, template: str, context: dict[str, Any], *, title: str | Promise | None = None
    ) -> TemplateResponse:
        """A whole page of the desk."""
        context = {
            **admin.site.each_context(request),
            "desk": self,
            "title": title or self.title,
            "shortcuts": request.console.shortcuts,
            "shortcut_groups": GROUPS,
            **context,
        }
        return TemplateResponse(request, template, context)
