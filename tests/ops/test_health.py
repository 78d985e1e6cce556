"""Health for orchestrators, figures for those who may have them."""

from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client

from tests.api.realtime.processes import Broker


@pytest.mark.django_db
def test_readiness_needs_database_and_broker(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"database": "ok", "broker": "ok"}


@pytest.mark.django_db
def test_readiness_names_an_unreachable_broker(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "broker": "does not answer"}


@pytest.mark.django_db
def test_readiness_names_an_unreachable_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "host", "/nowhere")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "does not answer", "broker": "ok"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["REDIS_URL", "CHANNEL_REDIS_URLS"])
def test_readiness_names_a_read_only_broker(client: Client, settings: Any, tmp_path: Path, name: str) -> None:
    """Full, then the copy of another; ready again by itself."""
    with Broker(tmp_path / "spare") as spare, redis.Redis.from_url(spare.url) as server:
        setattr(settings, name, spare.url if name == "REDIS_URL" else [settings.REDIS_URL, spare.url])
        assert client.get("/readyz").status_code == 200
        for broken, mended in (
            ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
            ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
        ):
            server.execute_command(*broken.split())
            response = client.get("/readyz")
            assert response.status_code == 503
            assert response.json() == {"database": "ok", "broker": "takes no writes"}
            server.execute_command(*mended.split())
            assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["10.0.3.7:8000", "[::1]:8000", "web", "", "not a host"])
def test_machines_ask_by_whatever_host(settings: Any, host: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    for path in ("/healthz", "/readyz", "/metrics"):
        assert Client().get(path, headers={"Host": host}).status_code == 200, path


def test_liveness_needs_neither_database_nor_broker(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    assert client.get("/healthz").status_code == 200


PROXIES = ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "proxies", "status"),
    [
        ("127.0.0.1", None, [], 200),
        ("::1", None, [], 200),
        ("203.0.113.9", None, [], 403),
        ("203.0.113.9", "127.0.0.1", [], 403),
        ("203.0.113.9", "127.0.0.1", PROXIES, 403),
        # A proxy that is not configured stands on this machine: whom it speaks for is unknown.
        ("127.0.0.1", "203.0.113.9", [], 403),
        ("127.0.0.1", "127.0.0.1", [], 403),
        # Inside the trusted network, asked directly.
        ("10.0.0.7", None, PROXIES, 200),
        # Through a trusted proxy, whatever address the client claims.
        ("10.0.0.1", "203.0.113.9", PROXIES, 403),
        ("10.0.0.1", "127.0.0.1, 203.0.113.9", PROXIES, 403),
        ("10.0.0.1", "10.0.0.7", PROXIES, 200),
        ("10.0.0.1", "nonsense", PROXIES, 403),
    ],
)
def test_metrics_are_for_trusted_addresses(
    client: Client, settings: Any, peer: str, forwarded_for: str | None, proxies: list[str], status: int
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=peer).status_code == status


def test_metrics_count_routes_and_name_no_user(client: Client) -> None:
    client.get("/healthz")
    client.get("/api/users/profile/alice-who-is-private")
    client.get("/nowhere/alice-who-is-private")
    client.generic("ALICE", "/healthz")
    text = client.get("/metrics").content.decode()
    assert 'infloo_http_request_seconds_count{method="GET",route="healthz",status="200"}' in text
    assert 'method="other",route="none",status="405"' in text
    assert "alice" not in text.lower()
