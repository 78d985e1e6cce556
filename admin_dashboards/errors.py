"""How the console answers a `DomainError`: one table of statuses, and one way each for pages, forms and scripts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.context import OtherSite, StaffRequest
from apps.access import may
from apps.errors import Absent, Conflict, DomainError, Invalid, LockedOut, Refused, Unavailable
from apps.users.accounts.guards import ACCESS_ADMINISTRATION

STATUSES: dict[type[DomainError], int] = {
    Refused: 403, Absent: 404, Conflict: 409, Invalid: 422, LockedOut: 429, Unavailable: 503, DomainError: 422,
}  # fmt: skip
TITLES = {
    403: gettext_lazy("Access denied"),
    404: gettext_lazy("Page not found"),
    409: gettext_lazy("Conflict"),
    422: gettext_lazy("Invalid input"),
    429: gettext_lazy("Too many requests"),
    503: gettext_lazy("Temporarily unavailable"),
}


def status_of(error: DomainError) -> int:
    """The HTTP status that the console answers `error` with."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def with_status[R: HttpResponse](response: R, error: DomainError | None) -> R:
    """`response`, which shows `error` in a form, with its status; as it is where there is no error."""
    if error is not None:
        response.status_code = status_of(error)
        if isinstance(error, LockedOut):
            response["Retry-After"] = str(error.wait)
    return response


def answers_json[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Decorator of a view that a script calls: a `DomainError` becomes its sentence as JSON, with its status."""

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(*args, **kwargs)
        except DomainError as error:
            return with_status(JsonResponse({"sentence": str(error)}), error)

    return answer


def page_for(request: StaffRequest, error: DomainError) -> HttpResponse:
    """The page that a view is answered with which raised `error`."""
    from_other_site = isinstance(error, OtherSite)
    request.console.from_other_site = from_other_site
    page = error_page(
        request,
        status_of(error),
        str(error),
        again=request.get_full_path() if from_other_site else "",
        is_grantable=error.code == "permission-missing",
    )
    return with_status(page, error)


def error_page(
    request: StaffRequest, status: int, sentence: str, *, again: str = "", is_grantable: bool = False
) -> HttpResponse:
    """The page that says why a request was not answered.

    `again` is the address that a click of the viewer's own opens, `is_grantable` whether a permission is all that is
    missing.
    """
    request.console.refusal = sentence
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Opened from another site") if again else TITLES[status],
        "grants_themselves": bool(may(request.user, ACCESS_ADMINISTRATION)),
        "status": status,
        "sentence": sentence,
        "again": again,
        "is_grantable": is_grantable,
    }
    return TemplateResponse(request, "admin/error.html", context, status=status)
