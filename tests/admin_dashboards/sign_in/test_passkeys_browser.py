"""A passkey from its registration to the next sign-in, with Chromium's own authenticator and by keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.users.models import Passkey
from tests import people
from tests.accessibility import barriers
from tests.authenticator import enrol

pytestmark = pytest.mark.django_db(transaction=True)

PLATFORM = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_a_passkey_signs_in_where_a_code_was_asked_for(page: Page, stack_url: str, settings: Any) -> None:
    settings.STAFF_MFA = "required"
    # Browsers take no address for the domain of a passkey.
    site = stack_url.replace("127.0.0.1", "localhost")
    settings.OTP_WEBAUTHN_ALLOWED_ORIGINS = [site]
    _app, codes = enrol(people.support())
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": PLATFORM})

    def give_password() -> None:
        page.goto(f"{site}/admin/login/?next=/admin/mfa/")
        page.get_by_label("User name").fill("support")
        page.get_by_label("Password").fill(people.PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{site}/admin/login/code/")

    give_password()
    page.get_by_label("Code").fill(codes[0])
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site}/admin/mfa/")
    page.get_by_label("Name").fill("Laptop")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("form[data-passkey] [role=alert]")).to_have_text("This is not your present password.")
    complaints.clear()  # the browser notes the status of that answer
    page.get_by_label("Name").press("Tab")
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type(people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("The passkey “Laptop” is registered.")).to_be_visible()
    expect(page.get_by_text("not used yet")).to_be_visible()
    page.locator(".mfa-remove summary").click()
    assert barriers(page) == []

    page.context.clear_cookies()
    give_password()
    expect(page.get_by_role("button", name="Use a passkey")).to_be_focused()
    assert barriers(page) == []
    page.get_by_role("button", name="Use a passkey").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site}/admin/mfa/")
    expect(page.get_by_text("last used")).to_be_visible()
    assert Passkey.objects.get().last_used_at is not None
    assert not complaints
