"""Whether the process lives, whether it can serve, and what it has served."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_address

import psycopg
import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Histogram, generate_latest

from apps.infra import draining, valkey
from apps.infra.client_address import client_address, is_trusted_proxy
from config.gauges import ProcessGauges, SharedGauges

# Seconds that the database may take to answer /readyz; of Valkey, `config.layers` says it.
DATABASE_TIMEOUT = 2
PROBES = {"/healthz", "/readyz", "/metrics"}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REQUESTS = Histogram(
    "infloo_http_request_seconds",
    "Time to answer HTTP requests",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REGISTRY.register(ProcessGauges())
REGISTRY.register(SharedGauges())


class RequestMetrics:
    """Counts and times requests by the pattern of their route, never by the path, which names people."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        # A client may make up methods, and each new label costs memory for good.
        method = request.method if request.method in METHODS else "other"
        route = request.resolver_match.route if request.resolver_match else "none"
        REQUESTS.labels(method, route, response.status_code).observe(time.perf_counter() - started)
        return response


class Probes:
    """Answers for machines, which ask by whatever name or address they have: before hosts and sessions are checked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info not in PROBES:
            return self.get_response(request)
        request.resolver_match = match = resolve(request.path_info)
        return match.func(request)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    if draining.is_draining():
        return JsonResponse({"process": "is stopping"}, status=503)
    parts = {"database": _state(_ask_database), "broker": _state(_ask_valkey)}
    return JsonResponse(parts, status=200 if set(parts.values()) == {"ok"} else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_measure(request):
        return HttpResponse(
            "Metrics are for trusted addresses only.", status=403, content_type="text/plain; charset=utf-8"
        )
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _may_measure(request: HttpRequest) -> bool:
    """This machine and the trusted proxies' networks, as those proxies report them.

    A forwarded request from a peer that is no trusted proxy comes from anywhere, be the peer as near as it likes.
    """
    peer, address = request.META.get("REMOTE_ADDR"), client_address(request.META)
    if "HTTP_X_FORWARDED_FOR" in request.META and not is_trusted_proxy(peer):
        return False
    return is_trusted_proxy(address) or (address is not None and ip_address(address).is_loopback)


def _state(ask: Callable[[], None]) -> str:
    try:
        ask()
    except redis.ResponseError:  # full, read-only, or without a disk to write to
        return "takes no writes"
    except (psycopg.Error, redis.RedisError):
        return "does not answer"
    return "ok"


def _ask_database() -> None:
    # A connection of its own: the pool would wait for a free one.
    with psycopg.connect(**connection.get_connection_params() | {"connect_timeout": DATABASE_TIMEOUT}) as probe:
        probe.execute("SELECT 1")


def _ask_valkey() -> None:
    """Write to each server. The first that fails is enough: together they could take longer than a probe waits."""
    for url in dict.fromkeys([settings.REDIS_URL, *settings.CHANNEL_REDIS_URLS]):
        with valkey.connect(url, timeout=settings.VALKEY_TIMEOUTS["probe"]) as probe:
            probe.set("infloo:ready", 1, ex=60)
