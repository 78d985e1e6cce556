"""Every refusal of the API as a problem document (RFC 9457), in one place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from itertools import islice
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.responses import Response
from pydantic import BaseModel

from api.parser import LONGEST_NAME
from apps import errors
from apps.infra.database import AWAY, RETRY_AFTER

logger = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
MOST_ERRORS = 20
"""How many wrong fields an answer lists."""

STATUSES: dict[type[Exception], int] = {
    errors.WrongCredentials: 401,
    errors.Refused: 403,
    errors.Absent: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.WrongKind: 415,
    errors.Invalid: 422,
    errors.Unavailable: 503,
    errors.DomainError: 409,
}


class FieldError(BaseModel):
    field: str
    code: str
    message: str


class Problem(BaseModel):
    """Why a call was refused."""

    type: str
    """A stable slug for programs."""
    title: str
    status: int
    detail: str
    """A sentence for people."""
    errors: list[FieldError] | None = None
    access: str | None = None
    """Only for the suspended who sign in: a token for reading their strikes and for appealing."""


def refusals(*statuses: int) -> dict[int, type[Problem]]:
    """The answers that a call declares beside its success. What any call may answer is declared by itself."""
    return dict.fromkeys(statuses, Problem)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Iterable[FieldError] = (),
    access: str | None = None,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    content = Problem(
        type=code,
        title=code.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        errors=list(islice(errors, MOST_ERRORS)) or None,
        access=access,
    )
    return Response(content.model_dump(exclude_none=True), status=status, content_type=PROBLEM, headers=headers)


def malformed(detail: str) -> HttpResponse:
    return problem(400, "malformed", detail)


def not_found() -> HttpResponse:
    return problem(404, "not-found", _("There is nothing at this address."))


def method_not_allowed(allowed: str) -> HttpResponse:
    return problem(
        405,
        "method-not-allowed",
        _("This address takes %(methods)s.") % {"methods": allowed},
        headers={"Allow": allowed},
    )


def unauthenticated(detail: str, code: str = "unauthenticated") -> HttpResponse:
    return problem(401, code, detail, headers={"WWW-Authenticate": "Bearer"})


def from_domain(request: HttpRequest, error: errors.DomainError) -> HttpResponse:
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if status == 401:
        return unauthenticated(str(error), error.code)
    if error.field is None:
        return problem(status, error.code, str(error), access=error.details.get("access"))
    wrong = FieldError(field=error.field, code=error.code, message=str(error))
    return problem(status, "invalid" if status == 422 else error.code, str(error), errors=[wrong])


def locked_out(request: HttpRequest, error: errors.LockedOut) -> HttpResponse:
    return problem(429, error.code, str(error), headers={"Retry-After": str(error.wait)})


def from_validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
    # An address with an id that cannot be one leads nowhere.
    if any(wrong["loc"][0] == "path" for wrong in error.errors):
        return not_found()
    fields = [
        FieldError(
            field=_bare_name(wrong["loc"]),
            code=wrong["type"].replace("_", "-"),
            message=wrong["msg"].removeprefix("Value error, "),
        )
        for wrong in error.errors
    ]
    return problem(422, "invalid", f"{fields[0].field}: {fields[0].message}", errors=fields)


def _bare_name(location: tuple[str | int, ...]) -> str:
    """The field's own name, without the source or the argument that it came in."""
    source, *path = location
    names = [part for part in path if isinstance(part, str)] or [str(source)]
    name = (names[1:] or names)[0] if source == "body" else names[-1]
    return name[:LONGEST_NAME]


def from_http(request: HttpRequest, error: HttpError) -> HttpResponse:
    # A body that cannot be read comes as 400, whatever the parser had to say about it.
    if isinstance(error.__cause__, errors.DomainError):
        return from_domain(request, error.__cause__)
    if error.status_code == 400:
        return malformed(_("The body is not JSON."))
    phrase = HTTPStatus(error.status_code).phrase
    return problem(error.status_code, phrase.lower().replace(" ", "-"), phrase)


def from_crash(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("%s %s failed", request.method, _route(request), exc_info=error)
    return problem(500, "internal-error", _("Something went wrong on our side. Please try again."))


def from_database(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("%s %s found no database", request.method, _route(request), exc_info=error)
    return problem(
        503,
        "database-away",
        _("This does not work at the moment. Please try again shortly."),
        headers={"Retry-After": RETRY_AFTER},
    )


def _route(request: HttpRequest) -> str:
    return request.resolver_match.route if request.resolver_match else "an unknown address"


def handle_errors(api: NinjaAPI) -> None:
    """Make every exception that leaves a call of `api` a problem document."""

    def handle(kind: type[Exception], handler: Callable[[HttpRequest, Any], HttpResponse]) -> None:
        api.add_exception_handler(kind, handler)

    def no_token(request: HttpRequest, error: Any) -> HttpResponse:
        return unauthenticated(_("Sign in first: this call needs an access token."))

    def too_large(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(413, "too-large", _("The request is larger than this call takes."))

    def unreadable(request: HttpRequest, error: Any) -> HttpResponse:
        return malformed(_("The request cannot be read."))

    handle(errors.DomainError, from_domain)
    handle(errors.LockedOut, locked_out)
    handle(ValidationError, from_validation)
    handle(AuthenticationError, no_token)
    handle(HttpError, from_http)
    handle(RequestDataTooBig, too_large)
    for kind in (SuspiciousOperation, MultiPartParserError, UnreadablePostError):
        handle(kind, unreadable)
    handle(Http404, lambda request, error: not_found())
    for away in AWAY:
        handle(away, from_database)
    handle(Exception, from_crash)
