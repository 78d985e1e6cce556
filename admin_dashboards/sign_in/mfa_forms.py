"""The forms of the second factor, and what its pages share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from apps.errors import Conflict, DomainError
from apps.infra.ids import LARGEST_ID
from apps.users.authentication import mfa
from apps.users.models import User


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


class EndForm(forms.Form):
    id = forms.IntegerField(min_value=1, max_value=LARGEST_ID)


def confirmed_codes(request: HttpRequest, user: User, form: CodeForm) -> list[str] | None:
    """The new backup codes, where the form has the first code of the app; else None, with the error at its field."""
    if not form.is_valid():
        return None
    try:
        return mfa.confirm_enrolment(user, form.cleaned_data["code"])
    except Conflict as error:
        messages.error(request, str(error))
    except DomainError as error:
        form.add_error("code", str(error))
    return None


def mfa_page(request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    context = {**admin.site.each_context(request), **context}
    return TemplateResponse(request, f"admin/mfa/{template}.html", context)
