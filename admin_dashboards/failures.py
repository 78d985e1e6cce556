"""The answer to a request that failed for no reason of the domain. It asks neither database nor session."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from admin_dashboards.context import asks_by_script
from apps.infra.database import AWAY, RETRY_AFTER


def failed(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`, called while the error is being handled."""
    if isinstance(sys.exception(), AWAY):
        status, title = 503, _("Temporarily unavailable")
        sentence = _("The database does not answer at the moment. Try again shortly; go back to keep what you typed.")
    else:
        status, title = 500, _("Something went wrong")
        sentence = _("This is a fault on our side. Try again; if it stays, notify the operators of this installation.")
    if asks_by_script(request):
        answer: HttpResponse = JsonResponse({"sentence": sentence}, status=status)
    else:
        answer = HttpResponse(render_to_string("500.html", {"title": title, "sentence": sentence}), status=status)
    if status == 503:
        answer["Retry-After"] = RETRY_AFTER
    return answer
