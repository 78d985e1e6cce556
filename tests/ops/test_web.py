"""What comes in on the one port."""

import http.client
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect


def test_a_header_written_otherwise_does_not_pass_for_a_trusted_one(stack_url: str, settings: object) -> None:
    """WSGI writes both X-Forwarded-For and X_Forwarded_For the same way."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]  # type: ignore[attr-defined]
    for name, status in (("X-Forwarded-For", 403), ("X_Forwarded_For", 200)):
        connection = http.client.HTTPConnection(urlsplit(stack_url).netloc)
        connection.request("GET", "/metrics", headers={name: "203.0.113.9"})
        assert connection.getresponse().status == status
        connection.close()


def test_a_browser_sees_the_console(page: Page) -> None:
    page.goto("/admin/login/")
    expect(page.get_by_label("Password")).to_be_visible()
