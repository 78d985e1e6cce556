"""A desk in a browser, worked as its user would: keys are pressed once the page listens to them."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests import people

LISTENS = "() => typeof shortcuts === 'undefined' || !(shortcuts.asleep || shortcuts.busy)"


def press(page: Page, *keys: str) -> None:
    """Press keys one after another, each once the evidence has been shown and the last action has arrived."""
    for key in keys:
        page.wait_for_function(LISTENS)
        page.keyboard.press(key)


def sign_in(page: Page, username: str) -> list[str]:
    """Sign in afresh; returns the list that errors of the browser's console are added to from then on."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.context.clear_cookies()
    page.goto("/admin/login/")
    fill_password(page, username)
    # Users with one desk land there, others on the overview.
    page.wait_for_url(lambda address: "/login/" not in address)
    return errors


def open_desk(page: Page, desk: str, username: str) -> None:
    """Sign in and land on the desk at that address, once it answers to keys."""
    page.goto(f"/admin/login/?next={desk}")
    fill_password(page, username)
    expect(page.locator("dl.desk-figures")).to_be_visible()
    page.wait_for_load_state()


def fill_password(page: Page, username: str) -> None:
    """Fill in the sign-in form that is open, and send it."""
    page.fill("#id_username", username)
    page.fill("#id_password", people.PASSWORD)
    page.keyboard.press("Enter")
