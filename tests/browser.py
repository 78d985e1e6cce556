"""A desk in a browser, worked as its user would: keys are pressed once the page listens to them."""

from __future__ import annotations

from playwright.sync_api import Page

LISTENS = "() => typeof shortcuts === 'undefined' || !(shortcuts.asleep || shortcuts.busy)"


def press(page: Page, *keys: str) -> None:
    """Press keys one after another, each once the evidence has been shown and the last action has arrived."""
    for key in keys:
        page.wait_for_function(LISTENS)
        page.keyboard.press(key)
