"""Signing in with a second factor, as it goes in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.users.authentication.mfa import is_enabled
from apps.users.models import MfaReset, User
from tests import people
from tests.accessibility import barriers
from tests.authenticator import App, code_of, enrol
from tests.console import console

pytestmark = pytest.mark.django_db(transaction=True)


def give_password(page: Page, name: str = "support") -> None:
    page.context.clear_cookies()
    page.goto("/admin/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(people.PASSWORD)
    page.keyboard.press("Enter")


def assert_accessible(page: Page) -> None:
    page.wait_for_load_state()
    assert barriers(page) == []


def test_the_first_sign_in_and_the_next(page: Page, settings: Any) -> None:
    settings.STAFF_MFA = "required"
    people.support()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))

    give_password(page)
    expect(page).to_have_url("/admin/login/enrol/")
    assert_accessible(page)
    page.get_by_text("Type the key instead").click()
    app = App(page.locator("[data-key]").inner_text().strip())
    page.get_by_label("Code").fill(code_of(app))
    page.keyboard.press("Enter")

    expect(page.get_by_text("Keep your backup codes")).to_be_visible()
    assert_accessible(page)
    codes = page.locator(".mfa-codes li").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url("/admin/support/")

    page.goto("/admin/mfa/")
    assert_accessible(page)
    give_password(page)
    expect(page).to_have_url("/admin/login/code/")
    assert_accessible(page)
    page.get_by_label("Code").fill(codes[0])
    page.keyboard.press("Enter")
    expect(page).to_have_url("/admin/support/")
    assert not complaints


def test_a_lost_device_takes_two_to_reset_and_is_enrolled_anew(page: Page, settings: Any) -> None:
    settings.STAFF_MFA = "optional"
    lost, _codes = enrol(people.support())
    asker = people.access()
    people.make_staff("second", "Access Manager")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))

    give_password(page, "access")
    expect(page).to_have_url("/admin/access/")
    page.get_by_text("Request reset").click()
    page.get_by_label("User name", exact=True).last.fill("support")
    page.get_by_label("Reason").fill("Phone fell into the sea")
    page.get_by_role("button", name="Request", exact=True).click()
    expect(page.get_by_text("A second person has to confirm it within 24 hours.")).to_be_visible()
    expect(page.get_by_text("Phone fell into the sea")).to_be_visible()
    confirm = page.get_by_role("button", name="Confirm the reset of support")
    expect(confirm).to_have_count(0)
    alone = console(asker).post(f"/admin/access/reset/{MfaReset.objects.get().pk}/")
    assert alone.status_code == 403
    assert is_enabled(User.objects.get(username="support"))

    give_password(page, "second")
    expect(page).to_have_url("/admin/access/")
    confirm.click()
    expect(page.get_by_text("MFA of support is reset")).to_be_visible()

    settings.STAFF_MFA = "required"
    give_password(page)
    expect(page).to_have_url("/admin/login/enrol/")
    page.get_by_text("Type the key instead").click()
    app = App(page.locator("[data-key]").inner_text().strip())
    assert app.secret != lost.secret
    page.get_by_label("Code").fill(code_of(app))
    page.keyboard.press("Enter")
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url("/admin/support/")
    assert not complaints
