"""Signing in to the console: the password, then the second factor, and the page where one looks after it.

Whoever has given only the password is nobody yet: their session holds a note of who they are about to be, and no
user. So nothing opens to them anywhere, whatever the method; the pages of the console send them back to where they
enter the code.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import django_otp
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login, logout
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.middleware import is_verified
from django_otp.models import Device
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from admin_dashboards.context import answering
from admin_dashboards.registry import landing
from apps.audit.context import origin
from apps.errors import Conflict, DomainError, Invalid, LockedOut
from apps.infra.client_address import counted_address
from apps.infra.limits import guesses
from apps.users.authentication import console_sessions, mfa
from apps.users.models import User

if TYPE_CHECKING:
    from admin_dashboards.site import InflooAdminSite

BACKEND = "apps.users.backends.Accounts"
HELD = "signing_in"
HELD_FOR = timedelta(minutes=10)
DEVICE = "device"
DEVICE_AGE = timedelta(days=365)
# How many accounts one browser is remembered for.
DEVICE_ACCOUNTS = 8


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )


class SwitchOffForm(forms.Form):
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=256,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )
    otp = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


def urls(site: InflooAdminSite) -> list[URLPattern]:
    return [
        path("login/code/", site.open_view(code_page), name="login_code"),
        path("login/enrol/", site.open_view(enrol_page), name="login_enrol"),
        path("mfa/", site.admin_view(own_page), name="mfa"),
    ]


# --- Who is signing in ----------------------------------------------------------------------------------------------


def is_satisfied(request: HttpRequest) -> bool:
    """Whether the session has shown what this installation asks of staff."""
    return settings.STAFF_MFA == "optional" or request.user.is_verified()  # type: ignore[union-attr]


def mark_verified(request: HttpRequest, device: Device) -> None:
    """Keep in the session which device of its user has given a code."""
    django_otp.login(request, device)
    # The middleware did this for whoever was signed in when the request came, and the library does not do it again.
    request.user.is_verified = partial(is_verified, request.user)  # type: ignore[union-attr]


def held(request: HttpRequest) -> User | None:
    """Whoever has given their password in this session, in the last minutes, and no code yet."""
    note = request.session.get(HELD)
    if note is None:
        return None
    if note["at"] > (timezone.now() - HELD_FOR).timestamp():
        user = User.objects.staff().active().filter(pk=note["user"]).first()
        # The note is void once the password has changed or the account was deactivated, as a session would be.
        unchanged = user is not None and note.get("version") == user.token_version
        if unchanged and constant_time_compare(note["hash"], user.get_session_auth_hash()):
            return user
    del request.session[HELD]
    return None


def next_page(request: HttpRequest) -> str | None:
    """Where somebody goes on who has given only their password; None for everybody else."""
    user = held(request)
    return None if user is None else _page_for(user)


def after_password(request: HttpRequest, user: User, next_address: str) -> HttpResponse:
    """Let `user` in, or hold them until they have given a code."""
    if not mfa.is_enabled(user) and settings.STAFF_MFA == "optional":
        return let_in(request, user, HttpResponseRedirect(next_address))
    if request.user.is_authenticated:
        logout(request)
    request.session.cycle_key()
    request.session[HELD] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "version": user.token_version,
        "at": timezone.now().timestamp(),
        "next": next_address,
    }
    return HttpResponseRedirect(_page_for(user))


def let_in(request: HttpRequest, user: User, response: HttpResponse, *, device: Device | None = None) -> HttpResponse:
    """Sign `user` in under a new session key, verified by `device`; notify them by mail of a new browser."""
    devices = _devices(request)
    if str(user.pk) not in devices:
        console_sessions.notify_of_device(
            user, address=origin().address, user_agent=request.headers.get("User-Agent", "")
        )
    request.session.pop(HELD, None)
    login(request, user, backend=BACKEND)
    if device is not None:
        mark_verified(request, device)
    request.session.cycle_key()
    if isinstance(response, HttpResponseRedirect):
        response["Location"] = _landing(request, response["Location"])
    known = [str(user.pk), *(pk for pk in devices if pk != str(user.pk))][:DEVICE_ACCOUNTS]
    response.set_signed_cookie(
        settings.DEVICE_COOKIE_NAME,
        "-".join(known),
        salt=DEVICE,
        max_age=DEVICE_AGE,
        path=reverse("admin:index"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _landing(request: HttpRequest, address: str) -> str:
    """`address`, or the only desk of whoever is signed in now."""
    # What is known so far is of the user before the sign-in.
    with answering(request) as theirs:
        return landing(theirs, address)


def _devices(request: HttpRequest) -> list[str]:
    known = request.get_signed_cookie(settings.DEVICE_COOKIE_NAME, default=None, salt=DEVICE)
    return known.split("-") if known else []


def _page_for(user: User) -> str:
    return reverse("admin:login_code" if mfa.is_enabled(user) else "admin:login_enrol")


# --- Pages for those who are not in yet -----------------------------------------------------------------------------


class SignIn(LoginView):
    """The password."""

    template_name = "admin/login.html"

    def form_valid(self, form: Any) -> HttpResponse:
        return after_password(self.request, form.get_user(), self.get_success_url())


@method_decorator(sensitive_post_parameters(), name="__call__")
class _HeldPage:
    """A page that needs the password to have been given; it can always be left for the start."""

    enrolled: bool
    """Which of those who are held it is for: people with a second factor, or without."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = held(request)
        if user is None:
            return HttpResponseRedirect(reverse("admin:login"))
        if "leave" in request.POST:
            request.session.flush()
            return HttpResponseRedirect(reverse("admin:login"))
        if mfa.is_enabled(user) is not self.enrolled:
            return HttpResponseRedirect(_page_for(user))
        return self.answer(request, user)

    def answer(self, request: HttpRequest, user: User) -> HttpResponse:
        raise NotImplementedError


class CodePage(_HeldPage):
    enrolled = True

    def answer(self, request: HttpRequest, user: User) -> HttpResponse:
        form = CodeForm(request.POST or None)
        error: DomainError | None = None
        if form.is_valid():
            try:
                # Wrong codes for one account are counted on its device.
                with guesses(counted_address(request.META), None):
                    device = mfa.verify(user, form.cleaned_data["code"])
            except DomainError as refusal:
                error = refusal
                form.add_error("code", str(error))
            else:
                return let_in(request, user, HttpResponseRedirect(request.session[HELD]["next"]), device=device)
        response = _page(request, "login_code", title=_("Enter the code"), form=form, name=user.get_username())
        if isinstance(error, LockedOut):
            response.status_code = 429
            response["Retry-After"] = str(error.wait)
        return response


class EnrolPage(_HeldPage):
    enrolled = False

    def answer(self, request: HttpRequest, user: User) -> HttpResponse:
        form = CodeForm(request.POST or None)
        codes = _confirmed(request, user, form)
        if codes is None:
            return _page(
                request,
                "login_enrol",
                title=_("Set up your second factor"),
                form=form,
                enrolment=mfa.begin_enrolment(user, anew=False),
                name=user.get_username(),
            )
        next_address = request.session[HELD]["next"]
        context = {"title": _("Keep your backup codes"), "codes": codes}
        response = _page(request, "login_codes", **context)
        let_in(request, user, response, device=mfa.device_of(user))
        assert response.context_data is not None
        response.context_data["next_address"] = _landing(request, next_address)
        return response


code_page = CodePage()
enrol_page = EnrolPage()


# --- The page of those who are in -----------------------------------------------------------------------------------


@sensitive_post_parameters()
def own_page(request: HttpRequest) -> HttpResponse:
    """Set the second factor up, get new backup codes, give it up."""
    user: User = request.user  # type: ignore[assignment]
    action = request.POST.get("action")
    code_form = CodeForm(request.POST if action in ("confirm", "renew") else None)
    off_form = SwitchOffForm(request.POST if action == "switch_off" else None)
    codes, enrolment = None, None
    if action == "confirm":
        codes = _confirmed(request, user, code_form)
        if codes is not None:
            mark_verified(request, mfa.device_of(user))
            request.session.cycle_key()
    elif action == "renew" and code_form.is_valid():
        try:
            with guesses(counted_address(request.META), str(user.pk)):
                codes = mfa.renew_backup_codes(user, code_form.cleaned_data["code"])
        except (Invalid, Conflict) as error:
            code_form.add_error("code", str(error))
    elif action == "switch_off" and off_form.is_valid():
        try:
            with guesses(counted_address(request.META), str(user.pk)):
                mfa.disable(user, password=off_form.cleaned_data["password"], code=off_form.cleaned_data["otp"])
        except (Invalid, Conflict) as error:
            off_form.add_error(error.field, str(error))
        else:
            messages.success(request, _("Your second factor is deactivated. You sign in with your password alone."))
            return HttpResponseRedirect(reverse("admin:mfa"))
    enabled = mfa.is_enabled(user)
    if not enabled and action in ("begin", "confirm"):
        enrolment = mfa.begin_enrolment(user, anew=False)
    return _page(
        request,
        "own",
        title=_("Second factor"),
        enabled=enabled,
        codes=codes,
        codes_left=mfa.backup_codes_left(user),
        enrolment=enrolment,
        code_form=code_form,
        off_form=off_form,
        required=settings.STAFF_MFA == "required",
        next_address=reverse("admin:mfa"),
    )


def _confirmed(request: HttpRequest, user: User, form: CodeForm) -> list[str] | None:
    """The backup codes, where the form holds the first code of the app."""
    if not form.is_valid():
        return None
    try:
        return mfa.confirm_enrolment(user, form.cleaned_data["code"])
    except Conflict as error:
        messages.error(request, str(error))
    except DomainError as error:
        form.add_error("code", str(error))
    return None


def _page(request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    context = {**admin.site.each_context(request), **context}
    return TemplateResponse(request, f"admin/mfa/{template}.html", context)
