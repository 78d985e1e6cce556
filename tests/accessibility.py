"""What axe finds on a page by WCAG 2.2 AA and good practice, in both schemes, for a desk's window and a phone's."""

from __future__ import annotations

from functools import cache
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BY_SCHEME = ["color-contrast", "link-in-text-block"]
BY_WIDTH = [*BY_SCHEME, "scrollable-region-focusable", "target-size"]
"""The rules whose answer depends on the scheme, and on the width; every other one is asked once a page, and the
contrast of text of new looks alone."""
WIDTHS = (1366, 390)
LOOKS = """
    () => {
        // All that the contrast of a text depends on: its letters, and the grounds beneath them up to the first one
        // that nothing shines through. Empty where something else may be seen; null, which axe does not check either,
        // where the text is for screen readers alone, or waits beside the page.
        const look = (text) => {
            const { color, fontSize, fontWeight, textShadow } = getComputedStyle(text);
            const parts = [text.localName, text.getAttribute("class"), color, fontSize, fontWeight, textShadow];
            if (text.getBoundingClientRect().right + scrollX < 0) return null;
            let isOnGround = false;
            for (let one = text; one; one = one.parentElement) {
                const style = getComputedStyle(one), ground = style.backgroundColor;
                if (style.clipPath === "inset(50%)") return null;
                if (style.opacity !== "1" || style.filter !== "none" || style.mixBlendMode !== "normal") return "";
                if (isOnGround) continue;
                if (ground !== "rgba(0, 0, 0, 0)") parts.push(ground);
                isOnGround = !/rgba|\\//.test(ground);
                const isAfloat = ["absolute", "fixed"].includes(style.position);
                if (style.backgroundImage !== "none" || (isAfloat && !isOnGround)) return "";
            }
            return parts.join(" ");
        };
        const isText = (one) => one.matches("input, select, textarea")
            || [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        const texts = [...document.body.querySelectorAll("*")].filter((one) =>
            isText(one) && one.checkVisibility() && !one.closest("[aria-hidden=true]"));
        window.textLooks = new Map(texts.map((one) => [one, look(one)]).filter(([, seen]) => seen !== null));
        return [...new Set(textLooks.values())];
    }
"""
RUN = """
    async ([rules, rulesOfNew, fresh]) => {
        // What stays in its place covers what scrolls beneath it: to axe a control that is half covered is too small.
        const stay = [...document.querySelectorAll("*")].filter((one) => getComputedStyle(one).position === "sticky");
        stay.forEach((one) => one.style.setProperty("position", "static", "important"));
        const ask = async (parts, runOnly, resultTypes) => !parts.length ? { violations: [], passes: [] } :
            await axe.run({ include: parts }, { runOnly, resultTypes, selectors: false, elementRef: true });
        const isFresh = new Set(fresh);
        const shown = [...document.body.querySelectorAll("*")].filter((one) => one.checkVisibility());
        const isOld = new Set(rulesOfNew.length ? window.shown : shown);
        window.shown = [...isOld, ...shown];
        const appeared = shown.filter((one) => !isOld.has(one));
        const texts = [...textLooks.keys()].filter((one) => isFresh.has(textLooks.get(one)));
        // In the same run, since each one reads the whole page first.
        axe.configure({ rules: [{ id: "color-contrast", selector: "[data-fresh-look]" }] });
        texts.forEach((one) => one.setAttribute("data-fresh-look", ""));
        const all = await ask([document], rules, texts.length ? ["violations", "passes"] : ["violations"]);
        texts.forEach((one) => one.removeAttribute("data-fresh-look"));
        const found = [...all.violations, ...(await ask(appeared, rulesOfNew, ["violations"])).violations];
        const legible = all.passes.filter(({ id }) => id === "color-contrast").flatMap(({ nodes }) => nodes);
        stay.forEach((one) => one.style.removeProperty("position"));
        return {
            violations: found.map(({ id, impact, nodes }) =>
                ({ impact, fault: `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" · ")}` })),
            legible: legible.map(({ element }) => textLooks.get(element) ?? ""),
        };
    }
"""
"""Asks `rules` of the page, of the looks that are `fresh` their contrast, and of what is shown for the first time
`rulesOfNew`; the first view has none."""
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
    was_dark = _prepare(page)
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
        found += [f"{'dark' if dark else 'light'}, {width}: {each['fault']}" for each in _violations(page, rules)]
        if (wider := page.evaluate(SIDEWAYS)) > 0:
            found.append(f"{wider} px wider than {width}")
        found += [f"out of reach at {width}: {control}" for control in page.evaluate(OUT_OF_REACH)]
    page.set_viewport_size(window)
    page.evaluate(LOOK, [was_dark])
    return found


def serious_barriers(page: Page) -> list[str]:
    """The violations that axe calls serious or critical on the page as it is shown now, in both schemes."""
    page.wait_for_load_state()
    was_dark = _prepare(page)
    found = _violations(page, TAGS)
    page.evaluate(LOOK, [not was_dark])
    found += _violations(page, BY_SCHEME)
    page.evaluate(LOOK, [was_dark])
    return [each["fault"] for each in found if each["impact"] in ("serious", "critical")]


def _prepare(page: Page) -> bool:
    """Bring axe into the page; returns whether it is dark."""
    page.emulate_media(reduced_motion="reduce")
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(_axe())
    return bool(page.evaluate(IS_DARK))


@cache
def _axe() -> str:
    return str(Axe().axe_script)


_legible: set[str] = set()
"""Looks of texts of which axe said, in this process, that their contrast is sufficient."""


def _violations(page: Page, rules: list[str]) -> list[dict[str, str]]:
    """Of these rules, of all rules where something is shown that the view before did not show, and of the contrast
    of texts that look like none that was judged before."""
    looks = set(page.evaluate(LOOKS))
    found: Any = page.evaluate(RUN, [rules, [] if rules == TAGS else TAGS, [*(looks - _legible)]])
    _legible.update(filter(None, found["legible"]))
    return list(found["violations"])
