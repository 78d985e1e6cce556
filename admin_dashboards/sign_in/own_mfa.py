"""The page on which users manage their own second factor."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from admin_dashboards.context import StaffRequest
from admin_dashboards.devices import device_of
from admin_dashboards.sign_in import passkeys
from admin_dashboards.sign_in.mfa_forms import CodeForm, EndForm, SwitchOffForm, confirmed_codes, mfa_page
from admin_dashboards.sign_in.pending import mark_verified
from apps.errors import Absent, Conflict, Invalid
from apps.infra.client_address import counted_address
from apps.infra.limits import guesses
from apps.users.authentication import mfa, sessions
from apps.users.models import Session, User

SHOWN = 20
"""Sessions, by their latest activity."""


@sensitive_post_parameters()
def own_page(request: StaffRequest) -> HttpResponse:
    """Set the second factor up, get new backup codes, give it up."""
    user = request.user
    action = request.POST.get("action")
    code_form = CodeForm(request.POST if action in ("confirm", "renew") else None)
    off_form = SwitchOffForm(request.POST if action == "switch_off" else None)
    codes, enrolment = None, None
    if action in passkeys.ACTIONS:
        return passkeys.change_own(request, user)
    if action == "end_others":
        return _end_other_sessions(request, user)
    if action == "end_session":
        return _end_session(request, user)
    if action == "confirm":
        codes = confirmed_codes(request, user, code_form)
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
    others = sessions.valid_sessions_of(user).exclude(pk=_current(request).pk)
    enabled = mfa.is_enabled(user)
    if not enabled and action in ("begin", "confirm"):
        enrolment = mfa.begin_enrolment(user, anew=False)
    return mfa_page(
        request,
        "own",
        title=_("Second factor"),
        enabled=enabled,
        codes=codes,
        codes_left=mfa.backup_codes_left(user),
        enrolment=enrolment,
        code_form=code_form,
        off_form=off_form,
        other_sessions=others.count(),
        latest_sessions=[(session, device_of(session.user_agent)) for session in others[:SHOWN]],
        required=settings.STAFF_MFA == "required",
        next_address=reverse("admin:mfa"),
        **(passkeys.context_of(user) if enabled else {}),
    )


def _end_other_sessions(request: StaffRequest, user: User) -> HttpResponse:
    count = sessions.end_other_sessions(user, _current(request))
    ended = ngettext("%(n)d other session ended.", "%(n)d other sessions ended.", count)
    messages.success(request, ended % {"n": count})
    return HttpResponseRedirect(reverse("admin:mfa"))


def _end_session(request: StaffRequest, user: User) -> HttpResponse:
    form = EndForm(request.POST)
    try:
        sessions.end_own_session(user, form.cleaned_data["id"] if form.is_valid() else 0)
    except Absent as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Session ended."))
    return HttpResponseRedirect(reverse("admin:mfa"))


def _current(request: StaffRequest) -> Session:
    assert request.console.session is not None  # only signed-in viewers get this page
    return request.console.session
