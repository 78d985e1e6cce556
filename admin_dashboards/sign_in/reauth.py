"""The step-up: the password or a code again before sensitive actions, where the last is over ten minutes old.

    urls = [path("grant/", site.admin_view(recently_confirmed(view)))]

What was sent is not lost: it comes along through the question, and `view` gets it as it was. Files do not come along.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from admin_dashboards.sign_in.lock_out import take_refusal
from admin_dashboards.sign_in.pending import is_satisfied, mark_verified
from apps.errors import DomainError
from apps.infra.client_address import counted_address
from apps.infra.limits import guesses
from apps.users.authentication import mfa
from apps.users.models.second_factors import is_digits
from apps.users.names import tidy_code

FRESH_FOR = timedelta(minutes=10)
CONFIRMED = "confirmed_at"
PROOF = "_proof"
OPENS_PAGE = "_open"
"""The field of a form that only leads on to a page, and carries nothing that was sent."""

type View = Callable[..., HttpResponse]


def is_fresh(request: HttpRequest) -> bool:
    """Whether the user, verified as this installation asks, gave a password or code in the last ten minutes."""
    confirmed = request.session.get(CONFIRMED, 0)
    return is_satisfied(request) and bool(confirmed > (timezone.now() - FRESH_FOR).timestamp())


def recently_confirmed(view: View) -> View:
    """Ask for the password or a code first, where that was too long ago; then go on with what was asked for.

    A plain view, or with `method_decorator` a method. The question has the status 401.
    """

    @wraps(view)
    @sensitive_post_parameters()
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        proof = request.POST.get(PROOF)
        if proof is None and is_fresh(request):
            return view(request, *args, **kwargs)
        if proof is None:
            return _ask(request)
        if error := _wrong(request, proof):
            return _ask(request, error)
        _stamp(request)
        request.session.cycle_key()
        if OPENS_PAGE in request.POST:
            return HttpResponseRedirect(request.get_full_path())
        sent = request.POST.copy()
        del sent[PROOF]
        request.POST = sent  # type: ignore[assignment]
        return view(request, *args, **kwargs)

    return answer


def _wrong(request: HttpRequest, proof: str) -> str | None:
    """What is wrong with the password or code; None where it is right."""
    user = request.user
    if is_digits(tidy_code(proof)) and mfa.is_enabled(user):  # type: ignore[arg-type]
        try:
            with guesses(counted_address(request.META), None):  # for the account they are counted on its device
                mark_verified(request, mfa.verify(user, proof))  # type: ignore[arg-type]
        except DomainError as error:
            return str(error)
        return None
    if not is_satisfied(request):
        return _("Enter a code from your authenticator app.")
    # Through the backends, so that guesses are counted as they are at sign-in.
    if len(proof) <= 256 and authenticate(request, username=user.get_username(), password=proof) == user:
        return None
    if seconds := take_refusal(request):
        text = ngettext(
            "Too many wrong tries. Try again in %(minutes)s minute, or sign out and ask an access manager.",
            "Too many wrong tries. Try again in %(minutes)s minutes, or sign out and ask an access manager.",
            math.ceil(seconds / 60),
        )
        return text % {"minutes": math.ceil(seconds / 60)}
    return _("Wrong password or code. Try again.")


def _ask(request: HttpRequest, error: str | None = None) -> HttpResponse:
    if request.method == "POST":
        kept = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name not in (PROOF, "csrfmiddlewaretoken")
        ]
    else:
        kept = [(OPENS_PAGE, "1")]
    context = {
        **admin.site.each_context(request),
        "title": _("Confirm it is you"),
        "error": error,
        "kept": kept,
        "proof": PROOF,
        "address": request.get_full_path(),
        "enrolled": mfa.is_enabled(request.user),  # type: ignore[arg-type]
    }
    return TemplateResponse(request, "admin/mfa/reauth.html", context, status=401)


def _stamp(request: HttpRequest, **_signal: Any) -> None:
    request.session[CONFIRMED] = timezone.now().timestamp()


user_logged_in.connect(_stamp, dispatch_uid="confirmed_at")
