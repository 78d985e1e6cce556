"""Signing in with a second factor, as it goes in a browser."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests import people
from tests.authenticator import code_of

pytestmark = pytest.mark.django_db(transaction=True)


def give_password(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("User name").fill("support")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.keyboard.press("Enter")


def assert_accessible(page: Page) -> None:
    page.wait_for_load_state()
    found = Axe().run(page).response["violations"]
    assert not found, [(problem["id"], [node["target"] for node in problem["nodes"]]) for problem in found]


def test_the_first_sign_in_and_the_next(page: Page, settings: Any) -> None:
    settings.STAFF_MFA = "required"
    people.support()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))

    give_password(page)
    expect(page).to_have_url("/admin/login/enrol/")
    assert_accessible(page)
    page.get_by_text("Type the key instead").click()
    app = pyotp.TOTP(page.locator("[data-key]").inner_text().strip())
    page.get_by_label("Code").fill(code_of(app))
    page.keyboard.press("Enter")

    expect(page.get_by_text("Keep your backup codes")).to_be_visible()
    assert_accessible(page)
    codes = page.locator(".mfa-codes li").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url("/admin/")

    page.goto("/admin/mfa/")
    assert_accessible(page)
    page.context.clear_cookies()
    give_password(page)
    expect(page).to_have_url("/admin/login/code/")
    assert_accessible(page)
    page.get_by_label("Code").fill(codes[0])
    page.keyboard.press("Enter")
    expect(page).to_have_url("/admin/")
    assert not complaints
