"""What pages of a browser test say of scripts that failed, and of what the content security policy refused them."""

from playwright.sync_api import BrowserContext, ConsoleMessage

MARKS = ("Content Security Policy", "Alpine Expression Error", "Alpine Warning", "TrustedHTML", "Permissions policy")
found: list[str] = []
"""Of the pages since the test began: what was said, and where."""


def listen(context: BrowserContext) -> BrowserContext:
    """The context, whose pages are listened to from now on."""
    context.on("console", _hear)
    context.on("weberror", lambda error: found.append(str(error.error)[:400]))
    return context


def _hear(message: ConsoleMessage) -> None:
    if any(mark in message.text for mark in MARKS):
        where = message.page.url.partition("?")[0] if message.page else ""
        found.append(f"{where}: {message.text[:400]}")
