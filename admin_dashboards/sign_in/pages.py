"""The pages of the sign-in: the password, the code, and the enrolment of a second factor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.models import Device

from admin_dashboards.sign_in import passkeys
from admin_dashboards.sign_in.mfa_forms import CodeForm, confirmed_codes, mfa_page
from admin_dashboards.sign_in.pending import PENDING, after_password, landing_of, let_in, page_for, pending_user
from apps.errors import DomainError, LockedOut
from apps.infra.client_address import counted_address
from apps.infra.limits import guesses
from apps.users.authentication import mfa
from apps.users.models import User


class SignIn(LoginView):
    """The password."""

    template_name = "admin/login.html"

    def form_valid(self, form: Any) -> HttpResponse:
        return after_password(self.request, form.get_user(), self.get_success_url())


@method_decorator(sensitive_post_parameters(), name="__call__")
class PendingPage(ABC):
    """A page that needs the password to have been given; it can always be left for the start."""

    enrolled: bool
    """Whether it is for users with a second factor, or for those without."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = pending_user(request)
        if user is None:
            return HttpResponseRedirect(reverse("admin:login"))
        if "leave" in request.POST:
            request.session.flush()
            return HttpResponseRedirect(reverse("admin:login"))
        if mfa.is_enabled(user) is not self.enrolled:
            return HttpResponseRedirect(page_for(user))
        return self.answer(request, user)

    @abstractmethod
    def answer(self, request: HttpRequest, user: User) -> HttpResponse:
        """The page for `user`, who has given the password."""


class CodePage(PendingPage):
    enrolled = True

    def answer(self, request: HttpRequest, user: User) -> HttpResponse:
        if passkeys.BEGIN in request.POST:
            return passkeys.sign_in_options(request, user)
        by_passkey = passkeys.CREDENTIAL in request.POST
        form = CodeForm(None if by_passkey else request.POST or None)
        error: DomainError | None = None
        if by_passkey or form.is_valid():
            try:
                device = passkeys.verified_passkey(request, user) if by_passkey else _device(request, user, form)
            except DomainError as refusal:
                error = refusal
                if not by_passkey:
                    form.add_error("code", str(error))
            else:
                return let_in(request, user, HttpResponseRedirect(request.session[PENDING]["next"]), device=device)
        response = mfa_page(
            request,
            "login_code",
            title=_("Enter the code"),
            form=form,
            name=user.get_username(),
            passkey_error=error if by_passkey else None,
            **passkeys.sign_in_context(user),
        )
        if isinstance(error, LockedOut):
            response.status_code = 429
            response["Retry-After"] = str(error.wait)
        return response


def _device(request: HttpRequest, user: User, form: CodeForm) -> Device:
    """The device that the code is of. Raises as `mfa.verify` does."""
    # Wrong codes for one account are counted on its device.
    with guesses(counted_address(request.META), None):
        return mfa.verify(user, form.cleaned_data["code"])


class EnrolPage(PendingPage):
    enrolled = False

    def answer(self, request: HttpRequest, user: User) -> HttpResponse:
        form = CodeForm(request.POST or None)
        codes = confirmed_codes(request, user, form)
        if codes is None:
            return mfa_page(
                request,
                "login_enrol",
                title=_("Set up your second factor"),
                form=form,
                enrolment=mfa.begin_enrolment(user, anew=False),
                name=user.get_username(),
            )
        next_address = request.session[PENDING]["next"]
        context = {"title": _("Keep your backup codes"), "codes": codes}
        response = mfa_page(request, "login_codes", **context)
        let_in(request, user, response, device=mfa.device_of(user))
        assert response.context_data is not None
        response.context_data["next_address"] = landing_of(request, next_address)
        return response


code_page = CodePage()
enrol_page = EnrolPage()
