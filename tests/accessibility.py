"""What axe finds on a page by WCAG 2.2 AA and good practice, in both schemes, for a desk's window and a phone's."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BY_SCHEME = ["color-contrast", "link-in-text-block"]
BY_WIDTH = [*BY_SCHEME, "scrollable-region-focusable", "target-size"]
"""The rules whose answer depends on the scheme, and on the width; every other one is asked once a page."""
WIDTHS = (1366, 390)
RUN = """
    async (only) => {
        // What stays in its place covers what scrolls beneath it: to axe a control that is half covered is too small.
        const stay = [...document.querySelectorAll("*")].filter((one) => getComputedStyle(one).position === "sticky");
        stay.forEach((one) => one.style.setProperty("position", "static", "important"));
        const { violations } = await axe.run({ runOnly: only, resultTypes: ["violations"] });
        stay.forEach((one) => one.style.removeProperty("position"));
        return violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 160)).join(" · ")}`);
    }
"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OUT_OF_REACH = """
    () => {
        const out = [];
        const usable = document.querySelector("dialog:modal") ?? document;
        for (const control of usable.querySelectorAll("details[open] :is(input, select, textarea, button, a)")) {
            if (!control.checkVisibility()) continue;
            control.scrollIntoView({ block: "center" });
            const box = control.getBoundingClientRect();
            const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
            if (!box.width || (hit && (control.contains(hit) || hit.contains(control)))) continue;
            if (hit?.closest("label")?.contains(control)) continue;
            out.push(control.outerHTML.slice(0, 160));
        }
        scrollTo(0, 0);
        return out;
    }
"""
SERIOUS = """
    async (options) => {
        const { violations } = await axe.run({ ...options, resultTypes: ["violations"] });
        const grave = violations.filter((each) => ["serious", "critical"].includes(each.impact));
        return grave.map((each) => `${each.id}: ${each.nodes[0].html}`);
    }
"""
IS_DARK = "document.documentElement.classList.contains('dark')"
LOOK = """
    ([dark]) => {
        document.documentElement.classList.toggle("dark", dark);
        return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    }
"""


def barriers(page: Page) -> list[str]:
    """What is not accessible on the page that is open, how far it is wider than the window, and what of its open
    parts lies outside of the window or under something else.

    The page is not loaded again: scheme and width change where it stands, and are put back.
    """
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(Axe().axe_script)
    was_dark = page.evaluate(IS_DARK)
    window: Any = page.viewport_size
    found = []
    views = [
        (WIDTHS[0], was_dark, TAGS),
        (WIDTHS[0], not was_dark, BY_SCHEME),
        (WIDTHS[1], not was_dark, BY_WIDTH),
    ]
    for width, dark, rules in views:
        page.set_viewport_size({"width": width, "height": 768})
        page.evaluate(LOOK, [dark])
        found += [f"{'dark' if dark else 'light'}, {width}: {fault}" for fault in page.evaluate(RUN, rules)]
        if (wider := page.evaluate(SIDEWAYS)) > 0:
            found.append(f"{wider} px wider than {width}")
        found += [f"out of reach at {width}: {control}" for control in page.evaluate(OUT_OF_REACH)]
    page.set_viewport_size(window)
    page.evaluate(LOOK, [was_dark])
    return found


def serious_barriers(page: Page) -> list[str]:
    """The violations that axe calls serious or critical on the page as it is shown now, in both schemes."""
    page.wait_for_load_state()
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(Axe().axe_script)
    was_dark = page.evaluate(IS_DARK)
    found: list[str] = page.evaluate(SERIOUS, {})
    page.evaluate(LOOK, [not was_dark])
    found += page.evaluate(SERIOUS, {"runOnly": BY_SCHEME})
    page.evaluate(LOOK, [was_dark])
    return found
