"""The console's site: sign-in, sessions, security policy, and pages for errors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, cast

from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from unfold.sites import UnfoldAdminSite

from admin_dashboards.access.refusals import keep_refusal
from admin_dashboards.access.use import keep_use_of
from admin_dashboards.context import StaffRequest, answering, asks_by_script, is_poll, read_only, way_back, with_filters
from admin_dashboards.dashboard import dashboard
from admin_dashboards.errors import error_page, page_for
from admin_dashboards.forms import OwnPasswordForm
from admin_dashboards.live import after_this, live_view, stay_view
from admin_dashboards.navigation import overview
from admin_dashboards.notices import notices_view
from admin_dashboards.palette import LONGEST, found
from admin_dashboards.preferences import preferences_view
from admin_dashboards.registry import desks, landing, open_desks
from admin_dashboards.reveals import reveal_view
from admin_dashboards.saved_filters import save_filter_view
from admin_dashboards.sign_in import own_mfa, pages, pending
from admin_dashboards.sign_in.signed_out import signed_out
from admin_dashboards.tables.base import ModelAdmin
from apps.access import noting_use
from apps.audit.context import origin
from apps.errors import DomainError, Invalid
from apps.infra.limits import spend
from apps.users.authentication import console_sessions
from apps.users.models import PAGE_SIZES, Session
from apps.users.staff.accounts import set_page_size

type View = Callable[..., HttpResponse]

# Pages of Django's and Unfold's own that answer a POST as if it were a GET.
READ_ONLY = {"index", "app_index", "autocomplete_view", "i18n_javascript", "search", "catch_all_view"}


class InflooAdminSite(UnfoldAdminSite):
    """The console."""

    index_title = gettext_lazy("Overview")
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._views: dict[tuple[View, bool], View] = {}

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take our own tables only; those that packages bring ask for permission in ways of their own."""
        if admin_class is not None and issubclass(admin_class, ModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        own = [
            path("login/code/", self.open_view(pages.code_page), name="login_code"),
            path("login/enrol/", self.open_view(pages.enrol_page), name="login_enrol"),
            path("mfa/", self.admin_view(own_mfa.own_page), name="mfa"),
            path("filters/", self.admin_view(save_filter_view), name="filters"),
            path("notices/", self.admin_view(notices_view), name="notices"),
            path("preferences/", self.admin_view(preferences_view), name="preferences"),
            path("live/", self.admin_view(live_view), name="live"),
            path("stay/", self.admin_view(stay_view), name="stay"),
            path("page_size/", self.admin_view(self.page_size), name="page_size"),
            path("reveal/", self.admin_view(reveal_view), name="reveal"),
        ]
        of_desks = [path(f"{desk.slug}/", include(desk.get_urls())) for desk in desks()]
        return [*own, *of_desks, *super().get_urls()]

    def index(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "desks": open_desks(request),
            "dashboard": dashboard(request) if request.method in ("GET", "HEAD") else None,
            "sections": overview(request),
        }
        return super().index(request, context | (extra_context or {}))

    def password_change(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=partial(OwnPasswordForm, request=request),
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        response = view(request)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            # All sessions have ended with the old password; this browser goes on in a new one.
            request.session.pop(console_sessions.SESSION_KEY, None)
        return cast(HttpResponse, response)

    def search(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """What the command palette finds, as the part of the page that shows it."""
        term = request.GET.get("s", "").strip()[:LONGEST]
        if not term:
            return HttpResponse()
        spend("console_search", request.user.pk)
        context = {"search_term": term, "results": found(request, term)}
        return TemplateResponse(
            request, "unfold/helpers/command_results.html", context, headers={"HX-Trigger": "search"}
        )

    # --- Coming in --------------------------------------------------------------------------------------------------

    def has_permission(self, request: StaffRequest) -> bool:
        return super().has_permission(request) and pending.is_satisfied(request)

    def login(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        with answering(request):
            response = _rendered(self._ask_password(request, extra_context or {}))
        add_never_cache_headers(response)
        return response

    def _ask_password(self, request: StaffRequest, extra_context: dict[str, Any]) -> HttpResponse:
        next_address = pages.SignIn().get_redirect_url(request) or reverse("admin:index")
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(landing(request, next_address))
        if request.method == "GET" and (page := pending.next_page(request)):
            return HttpResponseRedirect(page)
        request.current_app = self.name
        context = {
            **self.each_context(request),
            "title": _("Log in"),
            "app_path": request.get_full_path(),
            REDIRECT_FIELD_NAME: next_address,
        }
        view = pages.SignIn.as_view(authentication_form=self.login_form, extra_context=context | extra_context)
        return cast(HttpResponse, view(request))

    def logout(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST" and console_sessions.SESSION_KEY in request.session:
            console_sessions.sign_out(request.user, request.session[console_sessions.SESSION_KEY])
        return super().logout(request, extra_context)

    def _keep_session(self, request: StaffRequest) -> Session | None:
        """The viewer's console session, begun after a sign-in; None, and signed out, where it has ended."""
        if not self.has_permission(request):
            return None
        if console_sessions.SESSION_KEY not in request.session:
            begun = console_sessions.begin(
                request.user,
                address=origin().address,
                user_agent=request.headers.get("User-Agent", ""),
            )
            request.session[console_sessions.SESSION_KEY] = str(begun.key)
            return begun
        session = console_sessions.live(request.user, request.session[console_sessions.SESSION_KEY])
        if session is None:
            logout(request)
        return session

    def get_app_list(self, request: StaffRequest, app_label: str | None = None) -> Any:
        """Evaluated only by pages that list tables."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def each_context(self, request: StaffRequest) -> dict[str, Any]:
        context = super().each_context(request)
        keys_off = context["has_permission"] and not request.console.shortcuts["on"]
        # `colors` would be a style in the page, which the policy does not permit: colors.css has them.
        return context | {"colors": None, "session_times": after_this(request), "keys_off": keys_off}

    # --- Every page -------------------------------------------------------------------------------------------------

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Made once for each view: Django's tables ask for theirs with every request."""
        if (view, cacheable) not in self._views:
            self._views[view, cacheable] = self._made_view(view, cacheable)
        return self._views[view, cacheable]

    def _made_view(self, view: View, cacheable: bool) -> View:
        inner = super().admin_view(view, cacheable)

        @wraps(view)
        def answer(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            with answering(request):
                response = _rendered(self._answer(request, inner, view, *args, **kwargs))
            # Pages are private to their viewer, error pages as well; only the texts of scripts are shared.
            is_shared = view == self.i18n_javascript and response.status_code == HTTPStatus.OK
            if not is_shared and not response.has_header("Cache-Control"):
                add_never_cache_headers(response)
            return response

        return csrf_exempt(answer) if getattr(inner, "csrf_exempt", False) else answer

    def open_view(self, view: View) -> View:
        """A page for users who are not signed in yet."""

        @never_cache
        def answer(request: StaffRequest) -> HttpResponse:
            with answering(request):
                return _rendered(view(request))

        return answer

    def _answer(self, request: StaffRequest, inner: View, view: View, *args: Any, **kwargs: Any) -> HttpResponse:
        if page := pending.next_page(request):
            return signed_out(request) if asks_by_script(request) else HttpResponseRedirect(page)
        session = self._keep_session(request)
        if session is None and request.path != reverse("admin:logout"):
            return signed_out(request)
        request.console.session = session
        response = self._guarded(request, inner, view, *args, **kwargs)
        if session is not None and response.status_code == HTTPStatus.FORBIDDEN:
            keep_refusal(request)
        if session is not None and not is_poll(request):
            console_sessions.note_use(session)
        return response

    def _guarded(self, request: StaffRequest, inner: View, view: View, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page, or the error page in its place."""
        try:
            if "%00" in request.META.get("QUERY_STRING", ""):
                raise BadRequest(_("The address contains an invalid character. Check it."))
            posts = request.method not in ("GET", "HEAD", "OPTIONS")
            if posts and _only_reads(view):
                raise read_only()
            if posts and any("\x00" in text for _name, texts in request.POST.lists() for text in texts):
                raise Invalid(
                    "invalid", _("The input contains an invalid character. Remove it and try again."), field="text"
                )
            with self._in_their_time(request), noting_use() as used:
                response = _rendered(inner(request, *args, **kwargs))
            if posts and response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                raise read_only()
            keep_use_of(request, used, response)
            return _with_filters(request, response)
        except PermissionDenied as error:
            sentence = str(error) or str(request.console.denied) or _("You have no permission to open this page.")
            return error_page(request, 403, sentence, is_grantable=True)
        except Http404:
            sentence = _("Nothing exists at this address, or you have no permission to see it. Check the address.")
            return error_page(request, 404, sentence)
        except DomainError as error:
            return page_for(request, error)

    def _in_their_time(self, request: StaffRequest) -> AbstractContextManager[None]:
        return timezone.override(request.console.zone) if self.has_permission(request) else nullcontext()

    def app_index(
        self, request: StaffRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The tables of one app. Shut where none of them is open, like any table."""
        try:
            return super().app_index(request, app_label, extra_context)
        except Http404:
            tables = [table for model, table in self._registry.items() if model._meta.app_label == app_label]
            if not tables:
                raise
            tables[0].has_view_permission(request)  # so that the page names what is missing
            raise PermissionDenied from None

    def page_size(self, request: StaffRequest) -> HttpResponse:
        """Save how many rows the viewer wants on a page, and go back to the first page of the table."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        size = request.POST.get("page_size", "")
        if size in map(str, PAGE_SIZES):
            set_page_size(request.user, int(size))
        return HttpResponseRedirect(way_back(request))


def _only_reads(view: View) -> bool:
    # Django leads /admin/…/<id>/ to the page of the row, a POST as well.
    return getattr(view, "__name__", "") in READ_ONLY or getattr(view, "view_class", None) is RedirectView


def _rendered(response: HttpResponse) -> HttpResponse:
    """The response, rendered while columns and fields can still read the request."""
    if isinstance(response, TemplateResponse) and not response.is_rendered:
        response.render()
    return response


def _with_filters(request: StaffRequest, response: HttpResponse) -> HttpResponse:
    """Redirects within a table keep the filters of its list."""
    if isinstance(response, HttpResponseRedirect):
        response["Location"] = with_filters(request, response["Location"])
    return response
