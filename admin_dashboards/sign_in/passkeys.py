"""Passkeys at the console: the answers to `passkeys.js`, and the page where staff manage theirs.

A script asks for options, the browser signs with them, and what it signed comes back in an ordinary form.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from admin_dashboards.errors import answers_json
from apps.errors import DomainError
from apps.infra.client_address import counted_address
from apps.infra.ids import LARGEST_ID
from apps.infra.limits import guesses
from apps.users.authentication import passkeys
from apps.users.models import Passkey, User

CREDENTIAL = "passkey"
BEGIN = "begin_passkey"
ACTIONS = ADD, REMOVE = "add_passkey", "remove_passkey"


class CredentialForm(forms.Form):
    """What the browser has signed or made."""

    passkey = forms.JSONField(widget=forms.HiddenInput, required=False)

    @property
    def credential(self) -> dict[str, Any]:
        """Empty where it is none: the service says what is wrong."""
        sent = self.cleaned_data.get(CREDENTIAL) if self.is_valid() else None
        return sent if isinstance(sent, dict) else {}


class AddForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=passkeys.NAME_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": gettext_lazy("Laptop")}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=256,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )


class RemoveForm(forms.Form):
    id = forms.IntegerField(min_value=1, max_value=LARGEST_ID)
    password = forms.CharField(max_length=256, strip=False)


@answers_json
def sign_in_options(request: HttpRequest, user: User) -> HttpResponse:
    """What the browser signs in with, for `user`, who has given the password."""
    return JsonResponse(passkeys.begin_second_factor(user))


def verified_passkey(request: HttpRequest, user: User) -> Passkey:
    """The passkey of `user` that has signed. Raises as `verify_second_factor` does."""
    # Not counted for the account: nobody guesses a signature.
    with guesses(counted_address(request.META), None):
        return passkeys.verify_second_factor(user, CredentialForm(request.POST).credential)


def change_own(request: HttpRequest, user: User) -> HttpResponse:
    """Add a passkey of one's own, or remove one."""
    if BEGIN in request.POST:
        return _begin(request, user)
    address = "admin:mfa"
    try:
        if request.POST["action"] == REMOVE:
            address = _remove(request, user)
        else:
            made = passkeys.finish_registration(
                user, name=request.POST.get("name", ""), credential=CredentialForm(request.POST).credential
            )
            messages.success(request, _("The passkey “%(name)s” is registered.") % {"name": made.name})
    except DomainError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse(address))


def sign_in_context(user: User) -> dict[str, Any]:
    """What the page of the code needs to offer a passkey."""
    return {"has_passkeys": passkeys.passkeys_of(user).exists(), "passkey_site": settings.OTP_WEBAUTHN_RP_ID}


def context_of(user: User) -> dict[str, Any]:
    """What the part of the page about one's passkeys needs."""
    return {
        "passkeys": passkeys.passkeys_of(user),
        "add_form": AddForm(auto_id="passkey_%s"),
        "passkey_site": settings.OTP_WEBAUTHN_RP_ID,
    }


@answers_json
def _begin(request: HttpRequest, user: User) -> HttpResponse:
    form = AddForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"sentence": _("Enter a name and your password.")}, status=422)
    with guesses(counted_address(request.META), str(user.pk)):
        return JsonResponse(passkeys.begin_registration(user, password=form.cleaned_data["password"]))


def _remove(request: HttpRequest, user: User) -> str:
    """Remove the passkey; returns the name of the page that is next."""
    form = RemoveForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Enter your password to remove the passkey."))
        return "admin:mfa"
    signed_in_by = getattr(request.user, "otp_device", None)
    with guesses(counted_address(request.META), str(user.pk)):
        removed = passkeys.remove(user, form.cleaned_data["id"], password=form.cleaned_data["password"])
    if isinstance(signed_in_by, Passkey) and signed_in_by.pk == form.cleaned_data["id"]:
        logout(request)
        messages.success(request, _("The passkey is removed. You signed in with it: sign in again."))
        return "admin:login"
    messages.success(request, _("The passkey “%(name)s” is removed.") % {"name": removed.name})
    return "admin:mfa"
