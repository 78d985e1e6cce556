"""From where a request came, as proxies write it."""

import logging
from typing import Any

import pytest
from django.test import Client

from apps.infra import client_address as addresses
from apps.infra.client_address import client_address
from config import middleware

PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def _behind_a_proxy(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "fd00::/8"]
    for warn in (addresses._warn_of_unreadable, middleware._warn_of_unlisted):
        warn.cache_clear()


def seen(forwarded_for: str, peer: str = PROXY) -> str | None:
    return client_address({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded_for})


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51123", "203.0.113.7"),
        ("203.0.113.7:", "203.0.113.7"),
        ("for=203.0.113.7", "203.0.113.7"),
        ('for="[2001:db8::7]:51123"', "2001:db8::7"),
        ('"203.0.113.7:51123"', "203.0.113.7"),
        ("203.0.113.7:_port", "203.0.113.7"),
        ("[203.0.113.7]:51123", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:DB8:0::7]:51123", "2001:db8::7"),
        ('"[2001:db8::7]:51123"', "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:51123", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:51123", "203.0.113.7"),
        ("made up, 203.0.113.7:51123", "203.0.113.7"),
        ("203.0.113.7:51123, 10.0.0.2:443, [fd00::2]:443", "203.0.113.7"),
        (" , 203.0.113.7:51123 ,", "203.0.113.7"),
    ],
)
def test_an_address_is_read_however_a_proxy_writes_it(written: str, address: str) -> None:
    assert seen(written) == address


@pytest.mark.parametrize(
    "written",
    ["unknown", "_hidden", '"_SEVKISEK:_p"', "nonsense", "203.0.113.777", "203.0.113.7:seven", "[203.0.113.7", '"'],
)
def test_malformed_forwarded_addresses_are_ignored_and_logged_once(
    written: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert [seen(written), seen(f"203.0.113.7, {written}"), seen(f"{written}, 10.0.0.2")] == [None] * 3
    [line] = [record.getMessage() for record in caplog.records]
    assert "X-Forwarded-For" in line


def test_a_peer_of_a_socket_for_both_versions_is_its_ipv4_address(caplog: pytest.LogCaptureFixture) -> None:
    assert seen("203.0.113.7", peer="::ffff:10.0.0.1") == "203.0.113.7"
    assert seen("", peer="::ffff:198.51.100.4") == "198.51.100.4"
    assert not caplog.records


def test_a_stranger_may_write_what_they_like() -> None:
    assert seen("203.0.113.7:51123", peer="198.51.100.4") == "198.51.100.4"


@pytest.mark.django_db
@pytest.mark.parametrize("written", ["unknown", "203.0.113.{}:51123"])
def test_clients_of_a_proxy_share_no_limit(settings: Any, written: str) -> None:
    settings.LIMITS = settings.LIMITS | {"register": (1, 60), "default": (1, 60)}
    answers = [
        Client().post(
            "/api/users/auth/register",
            {},
            "application/json",
            headers={"X-Forwarded-For": written.format(number)},
            REMOTE_ADDR=PROXY,
        )
        for number in range(3)
    ]
    assert [answer.status_code for answer in answers] == [422] * 3


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("https", 302),
        ("HTTPS", 302),
        ("https,http", 302),
        (' "https" , http', 302),
        ("http", 301),
        ("http,https", 301),
        ("", 301),
    ],
)
def test_the_first_proxy_says_whether_it_was_https(settings: Any, written: str, status: int) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get("/", headers={"X-Forwarded-Proto": written}, REMOTE_ADDR=PROXY)
    assert answer.status_code == status  # 301 leads to https, 302 to the console


def test_untrusted_proxies_are_logged_once(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.SECURE_SSL_REDIRECT = True
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            answer = Client().get("/", headers={"X-Forwarded-Proto": "https"}, REMOTE_ADDR="172.17.0.1")
            assert (answer.status_code, answer["Location"]) == (301, "https://testserver/")
    [line] = [record.getMessage() for record in caplog.records if record.name == "config.middleware"]
    assert "TRUSTED_PROXIES" in line
    assert "X-Forwarded-Proto" in line
