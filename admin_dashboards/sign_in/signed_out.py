"""The answers to requests of users who are signed out, or whose form is out of date.

A script gets a sentence to show in place; other requests are redirected to the sign-in and back. What was typed
never leaves the browser: `drafts.js` keeps it there, and this says so.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from admin_dashboards.context import asks_by_script, page_of


def signed_out(request: HttpRequest) -> HttpResponse:
    """To the sign-in, and from there back to where one was."""
    sign_in = reverse("admin:login")
    if asks_by_script(request):
        # Asked for while a step-up changed the key of the session: the cookie is that of the new one by now.
        request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        said = {"type": "signed-out", "sentence": _("You are signed out."), "sign_in": sign_in}
        return JsonResponse(said | {"sign_in_title": _("Sign in again")}, status=401)
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        messages.warning(request, _("You were signed out before this was sent: nothing of it was saved."))
    return redirect_to_login(page_of(request), sign_in)


@never_cache
def form_out_of_date(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token does not count any more, mostly because its user has signed in again since."""
    in_console = request.path.startswith(reverse("admin:index"))
    is_in = in_console and admin.site.has_permission(request)
    if in_console and not is_in and not request.path.startswith(reverse("admin:login")):
        return signed_out(request)
    if is_in and asks_by_script(request):
        return JsonResponse(
            {
                "type": "form-out-of-date",
                "sentence": _("This page was out of date, so nothing was sent. It is up to date now: press again."),
                "elsewhere": _("%(name)s is signed in here now. Load the page again.")
                % {"name": request.user.get_username()},
                "person": request.user.pk,
                "token": get_token(request),
            },
            status=403,
        )
    back = page_of(request) if in_console else "/"
    return render(request, "403_csrf.html", {"back": back}, status=403)
