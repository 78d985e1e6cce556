"""The HTTP API: its frame, and where each resource is mounted."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, re_path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from api import errors, openapi
from api.auth import ImpersonatedRequest, User
from api.parser import StrictParser, is_storable, require_small
from api.renderer import FastRenderer
from apps.errors import Refused
from apps.support import refused_calls

type View = Callable[..., HttpResponseBase]

FORM = "multipart/form-data"


class Api(NinjaAPI):
    """Answers a problem document to whatever goes wrong below its address, unknown paths included."""

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        patterns, app_name, namespace = super().urls
        for pattern in patterns:
            if isinstance(pattern, URLPattern) and pattern.callback is not None:
                pattern.callback = self._guarded(pattern.callback)
        patterns.append(re_path("", self._guarded(_nowhere)))
        return patterns, app_name, namespace

    def _guarded(self, view: View) -> View:
        def answer(request: HttpRequest, **path_parts: Any) -> HttpResponseBase:
            try:
                if settings.SECURE_SSL_REDIRECT and not request.is_secure():
                    # Led on, a client would send its tokens in clear for good without a sign of it.
                    raise Refused("https-required", _("Call this address over HTTPS."))
                if not self._takes_files(request):
                    require_small(request)
                if not all(is_storable(part) for part in path_parts.values()):
                    raise Http404
                response = view(request, **path_parts)
            except Exception as error:  # the last place that can still answer as the API does
                response = self.on_exception(request, error)
            if response.status_code == 405:
                response = errors.method_not_allowed(response["Allow"])
            response.setdefault("Cache-Control", "no-store")
            keep_refused(request, response)
            return response

        return answer

    def _takes_files(self, request: HttpRequest) -> bool:
        """Whether this is a form with files, sent to a call that takes them."""
        return request.content_type == FORM and (request.method, request.path) in self._with_files

    @cached_property
    def _with_files(self) -> set[tuple[str, str]]:
        return {
            (method.upper(), path)
            for path, operations in self._schema["paths"].items()
            for method, operation in operations.items()
            if FORM in operation.get("requestBody", {}).get("content", {})
        }

    def get_openapi_schema(self, **options: Any) -> Any:
        return self._schema

    @cached_property
    def _schema(self) -> Any:
        return openapi.complete(super().get_openapi_schema(path_prefix="/api/"))


def keep_refused(request: HttpRequest, response: HttpResponseBase) -> None:
    """Keep a call for support where it was refused to a signed-in user, support's own view as that user excepted."""
    if response.status_code < 400 or not request.user.is_authenticated or isinstance(request, ImpersonatedRequest):
        return
    refused_calls.keep(
        request.user,
        method=request.method or "",
        path=request.path,
        status=response.status_code,
        code=json.loads(getattr(response, "content", b"") or b"{}").get("type", ""),
    )


def _nowhere(request: HttpRequest) -> HttpResponse:
    raise Http404


api = Api(
    title="Infloo API",
    version="1.0.0",
    urls_namespace="api",
    auth=User(),
    parser=StrictParser(),
    renderer=FastRenderer(),
    docs=Swagger(settings={"persistAuthorization": True}),
    docs_decorator=require_safe,
)
errors.handle_errors(api)

RESOURCES = {
    "/users/auth": "auth",
    "/users/auth/mfa": "mfa",
    "/users/auth/passkeys": "passkeys",
    "/users/auth/sessions": "sessions",
    "/users/profile": "profile",
    "/users/verify": "verify",
    "/users/erasure": "erasure",
    "/users/data_export": "data_export",
    "/users": "users",
    "/chat": "chat",
    "/connections": "connections",
    "/events": "events",
    "/stories": "stories",
    "/notifications": "notifications",
    "/reports": "reports",
    "/strikes": "strikes",
    "/appeals": "appeals",
}
for prefix, module in RESOURCES.items():
    api.add_router(prefix, f"api.routes.{module}.router", tags=[module])
