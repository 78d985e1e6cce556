"""The ground that browser tests stand on: a tab that is as new, and barriers that are found where they are."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.tab import QUIET

pytestmark = pytest.mark.django_db(transaction=True)

STATE = """
    async () => [
        localStorage.length, sessionStorage.length, innerWidth, matchMedia("(prefers-color-scheme: dark)").matches,
        await fetch("/healthz").then((answer) => answer.status),
    ]
"""
heard: list[str] = []


@pytest.mark.parametrize("left", ["a state", "a clock", "nothing"])
def test_a_browser_test_leaves_nothing_behind(page: Page, left: str) -> None:
    assert page.context.cookies() == []
    heard.clear()
    page.goto(QUIET)
    assert heard == []
    assert page.evaluate(STATE) == [0, 0, 1366, False, 200]
    before = page.evaluate("Date.now()")
    page.wait_for_function("before => Date.now() > before", arg=before)
    page.on("load", lambda loaded: heard.append(loaded.url))
    page.goto("/admin/login/")
    assert len(heard) == 1
    if left == "a state":
        people.support()
        sign_in(page, "support")
        page.evaluate("localStorage.one = sessionStorage.one = 1")
        page.set_viewport_size({"width": 390, "height": 768})
        page.emulate_media(color_scheme="dark")
        page.route("**/healthz", lambda route: route.fulfill(status=503))
        page.context.new_page()
        page.context.set_offline(True)
    elif left == "a clock":
        page.clock.install()
        page.clock.pause_at(2_000_000_000)


PLANTED = """
    () => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(`
            .planted { color: #1a1a1a; }
            .planted.on-grey { background: #555; }
            .planted-aside { position: absolute; left: -999rem; color: #777; background: #888; }
            .planted-aside.is-here { left: 0; }
            .planted-narrow { display: none; }
            @media (width < 500px) { .planted-narrow { display: block; } }
        `);
        document.adoptedStyleSheets.push(sheet);
        document.querySelector("form").insertAdjacentHTML("beforeend", `
            <p class="planted">In the dark</p>
            <a class="planted-aside" href="#id_username">Aside</a>
            <input class="planted-narrow" name="planted">
        `);
    }
"""


def test_barriers_of_one_scheme_and_of_one_width_are_found(page: Page) -> None:
    page.goto("/admin/login/")
    assert barriers(page) == []
    page.evaluate(PLANTED)
    found = {fault.partition(": <")[0] for fault in barriers(page)}
    assert found == {"dark, 1366: color-contrast", "dark, 390: color-contrast", "dark, 390: label"}
    # So is what comes from beside the page.
    page.evaluate("document.querySelector('.planted-aside').classList.add('is-here')")
    assert any("Aside" in fault and "color-contrast" in fault for fault in barriers(page))
    # What was legible once is judged anew where it stands on another ground.
    page.evaluate("document.querySelector('.planted').classList.add('on-grey')")
    found = {fault.partition(": <")[0] for fault in barriers(page)}
    assert "light, 1366: color-contrast" in found


def rules(faults: list[str]) -> set[str]:
    """Those that are broken, in whichever view."""
    return {fault.split(": ")[1] for fault in faults}


LOOKALIKES = """
    () => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(`
            .lookalike { color: #999; background: #888; }
            .lookalike-narrow { display: none; }
            @media (width < 500px) { .lookalike-narrow { display: block; } }
        `);
        document.adoptedStyleSheets.push(sheet);
        document.querySelector("form").insertAdjacentHTML("beforeend", `
            <p class="lookalike">*</p>
            <button class="lookalike" type="button" disabled>Paler</button>
            <nav class="lookalike-narrow" aria-label="Narrow"><a href="#id_username">To the name</a></nav>
        `);
    }
"""


def test_texts_and_parts_are_checked_anew_where_their_words_or_their_page_differ(page: Page) -> None:
    page.goto("/admin/login/")
    page.evaluate(LOOKALIKES)
    for _again in range(2):
        assert barriers(page) == []
    for change, broken in (
        ("document.querySelector('p.lookalike').textContent = 'Required'", {"color-contrast"}),
        ("document.querySelector('p.lookalike').textContent = '*'", set()),
        ("document.querySelector('button.lookalike').disabled = false", {"color-contrast", "target-size"}),
        (
            """
                document.querySelector('button.lookalike').remove();
                document.querySelector('form').insertAdjacentHTML('beforeend', '<nav aria-label=Narrow></nav>');
            """,
            {"landmark-unique"},
        ),
    ):
        page.evaluate(change)
        assert rules(barriers(page)) == broken, change


def test_parts_around_the_content_are_checked_anew_where_they_or_the_page_differ(page: Page) -> None:
    people.support()
    sign_in(page, "support")
    page.goto("/admin/preferences/")
    assert barriers(page) == []
    link = "document.querySelector('nav a[href]:not([aria-current])')"
    # Each change takes back the fault of the one before, which is no longer found.
    for change, broken in (
        (f"{link}.setAttribute('aria-checked', 'true')", {"aria-allowed-attr"}),
        (
            f"{link}.removeAttribute('aria-checked'); {link}.parentElement.setAttribute('aria-hidden', 'true')",
            {"aria-hidden-focus"},
        ),
        (f"{link}.parentElement.removeAttribute('aria-hidden'); {link}.accessKey = 'x'", set()),
        ("document.querySelector('main button').accessKey = 'x'", {"accesskeys"}),
        (
            """
                document.querySelector('main button').accessKey = '';
                document.querySelector('main').append(document.querySelector('nav').cloneNode());
            """,
            {"landmark-unique"},
        ),
        (
            "document.querySelector('main').lastElementChild.remove(); document.querySelector('h1').remove()",
            {"page-has-heading-one"},
        ),
    ):
        page.evaluate(change)
        assert rules(barriers(page)) == broken, change
