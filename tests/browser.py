"""A desk in a browser, worked as its user would: keys are pressed once the page listens to them."""

from __future__ import annotations

from django.conf import settings
from playwright.sync_api import Page, expect

from apps.users.models import User
from tests import people
from tests.console import console

LISTENS = "() => typeof shortcuts === 'undefined' || !(shortcuts.asleep || shortcuts.busy)"


def press(page: Page, *keys: str) -> None:
    """Press keys one after another, each once the evidence has been shown and the last action has arrived."""
    for key in keys:
        page.wait_for_function(LISTENS)
        page.keyboard.press(key)


def sign_in(page: Page, username: str) -> list[str]:
    """Give the browser a session of that user, as it has after a sign-in; the page stays as it is.

    Returns the list that errors of the browser's console are added to from then on.
    """
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    session = console(User.objects.get(username=username)).cookies[settings.SESSION_COOKIE_NAME]
    page.context.clear_cookies()
    page.context.add_cookies(
        [{"name": session.key, "value": session.value, "domain": "127.0.0.1", "path": "/", "httpOnly": True}]
    )
    return errors


def open_desk(page: Page, desk: str, username: str) -> None:
    """Open the desk at that address as that user, once it answers to keys."""
    sign_in(page, username)
    page.goto(desk)
    expect(page.locator("dl.desk-figures")).to_be_visible()


def fill_password(page: Page, username: str) -> None:
    """Fill in the sign-in form that is open, and send it."""
    page.fill("#id_username", username)
    page.fill("#id_password", people.PASSWORD)
    page.keyboard.press("Enter")
