"""One tab of the browser for all tests of a process, as new for each of them.

What it has compiled of the console's scripts and styles stays: a new tab compiles them anew, for which the processor
needs longer than for most of what a test looks at. For the same reason it never leaves the console's address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

QUIET = "/healthz"
"""Asks for nothing, and writes nothing."""
FORGET = """
    () => {
        localStorage.clear();
        sessionStorage.clear();
        return /native code/.test(Function.prototype.toString.call(Date));
    }
"""
"""True if the tab has the real clock."""
SOON = """
    for (const name of ["setTimeout", "setInterval"]) {
        const real = window[name];
        const soon = (wait) => wait > 100 && wait <= 2500 && !window.hasPauses ? wait / 4 : wait;
        window[name] = (work, wait, ...given) => real(work, soon(wait), ...given);
    }
"""
"""What a page does a moment later, such as a search after the last key, or the next look at what colleagues do, comes
in a quarter of the time. What it waits for at most, such as an answer, stays as long as it is."""
REAL_PAUSES = "window.hasPauses = true"
"""From now on, on the page that is open."""
LASTING = ("add_init_script", "expose_binding", "expose_function")
"""What a page can be told and not be relieved of."""


class Tab:
    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._page: Page | None = None
        self._options: dict[str, Any] = {}
        self._listeners: list[tuple[Any, Any]] = []
        self._is_worn = False

    @contextmanager
    def as_new(self, options: dict[str, Any], session: pytest.Session) -> Iterator[Page]:
        """Its page, in a context with these options, which are the same for all tests."""
        if self._page is None:
            self._options = options
            context = self._browser.new_context(**options)
            context.add_init_script(SOON)
            self._page = context.new_page()
            self._watch(self._page)
        failed = session.testsfailed
        yield self._page
        is_new = False
        try:
            is_new = session.testsfailed == failed and self._forget(self._page)
        finally:
            if not is_new:
                self.close()

    def _forget(self, page: Page) -> bool:
        """Take back what the test has changed, or return False where that cannot be done."""
        if self._is_worn or page.is_closed() or not page.url.startswith(self._options["base_url"]):
            return False
        for event, listener in self._listeners:
            page.remove_listener(event, listener)
        self._listeners.clear()
        for other in page.context.pages:
            if other is not page:
                other.close()
        page.unroute_all()
        page.context.unroute_all()
        page.context.set_offline(False)
        page.goto(QUIET)
        page.context.clear_cookies()
        page.mouse.move(0, 0)
        page.set_viewport_size(self._options["viewport"])
        page.emulate_media(color_scheme="null", reduced_motion="null")
        return bool(page.evaluate(FORGET))

    def close(self) -> None:
        if self._page is not None:
            self._page.context.close()
        self._page = None
        self._listeners.clear()
        self._is_worn = False

    def _watch(self, page: Page) -> None:
        """Note from now on what is to be taken back, and what cannot be."""
        listen = page.on

        def on(event: Any, listener: Any) -> None:
            self._listeners.append((event, listener))
            listen(event, listener)

        page.on = on
        for name in LASTING:
            setattr(page, name, self._wearing(getattr(page, name)))
        page.context.new_cdp_session = self._wearing(page.context.new_cdp_session)

    def _wearing[**P, R](self, tell: Callable[P, R]) -> Callable[P, R]:
        @wraps(tell)
        def told(*args: P.args, **kwargs: P.kwargs) -> R:
            self._is_worn = True
            return tell(*args, **kwargs)

        return told
