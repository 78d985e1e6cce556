"""Takes browsers' reports of what the content security policy refused: a line in the log, and a count.

Browsers send them in two forms: `report-uri` of CSP level 2 one by one, `report-to` of the Reporting API in lists.
Anyone can send them, so of a report only what comes from a known list is kept, and hosts: no path, which may name
people, no query, and nothing of what was on the page.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from pydantic import AliasChoices, BaseModel, Field, Json, TypeAdapter

from api.errors import locked_out, method_not_allowed, problem
from apps.audit.context import origin
from apps.infra import metrics
from apps.infra.limits import TooMany, spend

logger = structlog.get_logger(__name__)

ONE, MANY = "application/csp-report", "application/reports+json"
LONGEST = 64 * 1024
"""Bytes of a body."""
MOST = 20
"""Reports of one body that are read; browsers send fewer."""
DIRECTIVES = {
    "default-src",
    "script-src",
    "script-src-elem",
    "script-src-attr",
    "style-src",
    "style-src-elem",
    "style-src-attr",
    "img-src",
    "media-src",
    "connect-src",
    "font-src",
    "object-src",
    "frame-src",
    "worker-src",
    "manifest-src",
    "frame-ancestors",
    "base-uri",
    "form-action",
}
KEYWORDS = {"inline", "eval", "wasm-eval", "self", "data", "blob", "trusted-types-sink", "trusted-types-policy"}


class Report(BaseModel):
    """What is read of a report, by its names in both forms."""

    directive: Annotated[
        str, Field(validation_alias=AliasChoices("effectiveDirective", "effective-directive", "violated-directive"))
    ]
    blocked: Annotated[str, Field(validation_alias=AliasChoices("blockedURL", "blocked-uri"))] = ""
    page: Annotated[str, Field(validation_alias=AliasChoices("documentURL", "document-uri"))]
    line: Annotated[int | None, Field(validation_alias=AliasChoices("lineNumber", "line-number"), ge=0)] = None

    def kept(self) -> dict[str, Any]:
        name = self.directive.partition(" ")[0]
        return {
            "directive": name if name in DIRECTIVES else "other",
            "blocked": _source(self.blocked),
            "page": _route(self.page),
            "line": self.line,
        }


class One(BaseModel):
    report: Annotated[Report, Field(validation_alias="csp-report")]


class OfMany(BaseModel):
    type: str
    body: Any = None


FORMS: dict[str, TypeAdapter[Any]] = {ONE: TypeAdapter(Json[One]), MANY: TypeAdapter(Json[list[OfMany]])}


@csrf_exempt
@never_cache
def violations(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return method_not_allowed("POST")
    try:
        spend("violations", origin().address)
        spend("violations_of_all", "all")
    except TooMany as refusal:
        return locked_out(request, refusal)
    if request.content_type not in FORMS:
        return problem(415, "wrong-kind", f"Send reports as {ONE} or {MANY}.")
    try:
        is_longer = len(request.body) > LONGEST
    except RequestDataTooBig:
        is_longer = True
    if is_longer:
        return problem(413, "too-large", "Reports may have at most 64 KiB.")
    try:
        reports = _read(request.body, request.content_type)
    except ValueError:
        return problem(422, "invalid", "The body is no report of a content security policy.")
    for report in reports:
        metrics.CSP_VIOLATIONS.labels(report["directive"]).inc()
        logger.warning("csp_violation", **report)
    return HttpResponse(status=204)


def _read(body: bytes, form: str) -> list[dict[str, Any]]:
    """What is kept of each report in the body. Raises `ValueError` for what is none."""
    content = FORMS[form].validate_python(body)
    if isinstance(content, One):
        return [content.report.kept()]
    of_policy = [each.body for each in content[:MOST] if each.type == "csp-violation"]
    return [Report.model_validate(body).kept() for body in of_policy]


def _source(blocked: str) -> str:
    """A keyword, or a scheme and host of what was refused."""
    if blocked in KEYWORDS:
        return blocked
    parts = urlsplit(blocked)
    host = (parts.hostname or "")[:100]
    return f"{parts.scheme[:20]}://{host}" if host else parts.scheme[:20] or "other"


def _route(page: str) -> str:
    """The pattern of the page's route, as metrics have it."""
    try:
        return resolve(urlsplit(page).path).route
    except Resolver404:
        return "none"
