"""What axe finds on a page by WCAG 2.2 AA and good practice, in both schemes, for a desk's window and a phone's."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BY_SCHEME = ["color-contrast", "link-in-text-block"]
BY_WIDTH = [*BY_SCHEME, "scrollable-region-focusable", "target-size"]
"""The rules whose answer depends on the scheme, and on the width; every other one is asked once a page, and the
contrast of text of new looks alone."""
BY_WHOLE = [
    *("aria-valid-attr-value", "duplicate-id-aria", "heading-order", "landmark-unique"),
    *(f"landmark-no-duplicate-{kind}" for kind in ("banner", "contentinfo", "main")),
]
"""Those by which a part may be wrong on one page that is right on another."""
OF_PARTS = [*BY_WHOLE, *BY_SCHEME, "accesskeys", "skip-link"]
"""Those that are asked of the menu and whatever else stands around the content, though it was right on another page."""
WIDTHS = (1366, 390)
SHOW = r"""
    async ([dark, isChanged, isFirst]) => {
        document.documentElement.classList.toggle("dark", dark);
        if (isChanged) await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
        const own = (one) => [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)
            .map((node) => node.data.trim()).join(" ").trim();
        const isField = (one) => one.matches(
            "input:not([type=checkbox], [type=color], [type=hidden], [type=image], [type=radio], [type=range]), "
            + "select, textarea");
        const isDisabled = (one) => {
            const by = one.closest("[aria-disabled], :is(button, fieldset, input, select, textarea)[disabled]");
            return by && (by.hasAttribute("disabled") || by.ariaDisabled === "true");
        };
        // All that the contrast of a text depends on: its letters, and the grounds beneath them up to the first one
        // that nothing shines through. Empty where something else may be seen; null, which axe does not check either,
        // where the text is for screen readers alone, is disabled, or waits beside the page.
        const look = (text) => {
            const { color, fontFamily, fontSize, fontWeight, textShadow } = getComputedStyle(text);
            const parts = [text.localName, text.getAttribute("class"), color, fontSize, fontWeight, textShadow];
            if (isDisabled(text) || text.getBoundingClientRect().right + scrollX < 0) return null;
            // What is no word, such as an asterisk or an icon's letters, is passed over; no word like it is.
            if (!isField(text) && (/Symbols/.test(fontFamily) || !/[\p{L}\p{N}]{2}|\p{N}/u.test(own(text))))
                parts.unshift("sign", own(text));
            let isOnGround = false;
            for (let one = text; one; one = one.parentElement) {
                const style = getComputedStyle(one), ground = style.backgroundColor;
                if (style.clipPath === "inset(50%)") return null;
                if (style.opacity !== "1" || style.filter !== "none" || style.mixBlendMode !== "normal") return "";
                if (isOnGround) continue;
                if (ground !== "rgba(0, 0, 0, 0)") parts.push(ground);
                if (style.backgroundImage !== "none") parts.push(style.backgroundImage);
                isOnGround = !/rgba|\//.test(ground);
                if (!isOnGround && ["absolute", "fixed"].includes(style.position)) return "";
            }
            return parts.join(" ");
        };
        const shells = (one) => {
            const said = [];
            for (let above = one.parentElement; above; above = above.parentElement)
                said.push(above.cloneNode().outerHTML);
            return said;
        };
        // What stands around the content, in small parts: one link of the menu is that of the page.
        const main = document.querySelector("main");
        const around = (one) => one.contains(main) || one.querySelectorAll("*").length > 20
            ? [...one.children].flatMap(around) : one.checkVisibility() ? [one] : [];
        window.parts = isFirst && main ? around(document.body) : [];
        const placed = (one) => {
            const { x, y, width, height } = one.getBoundingClientRect();
            return [innerWidth, x, y, width, height, one.outerHTML, ...shells(one)].join("\n");
        };
        const shown = [...document.body.querySelectorAll("*")].filter((one) => one.checkVisibility());
        const isOld = new Set(isFirst ? shown : window.shown);
        window.shown = [...isOld, ...shown];
        window.appeared = shown.filter((one) => !isOld.has(one));
        window.textLooks = new Map(shown
            .filter((one) => (isField(one) || own(one)) && !one.closest("[aria-hidden=true]"))
            .map((one) => [one, look(one)]).filter(([, seen]) => seen !== null));
        const isNew = new Set(appeared), said = [innerWidth, appeared.length];
        for (const root of appeared.filter((one) => !isNew.has(one.parentElement))) {
            said.push(root.outerHTML, ...shells(root));
        }
        return [[...new Set(textLooks.values())], appeared.length ? said.join("\n") : "", parts.map(placed)];
    }
"""
"""Shows the scheme; returns the looks of the texts, what is shown for the first time with all that it lies in, and
of the first view the parts around the content, with their places and all that they lie in."""
ASK = r"""
    async ([rules, rulesOfNew, fresh, right]) => {
        window.rightParts = new Set(right.flatMap((at) => [parts[at], ...parts[at].querySelectorAll("*")]));
        // What stays in its place covers what scrolls beneath it: to axe a control that is half covered is too small.
        const stay = shown.filter((one) => getComputedStyle(one).position === "sticky");
        const ask = async (parts, runOnly, resultTypes, without = {}) => parts.length && runOnly.length
            ? await axe.run({ include: parts },
                { runOnly, resultTypes, rules: without, selectors: false, elementRef: true, preload: false })
            : { violations: [], passes: [], incomplete: [], inapplicable: [] };
        const isFresh = new Set(fresh);
        const texts = [...textLooks.keys()].filter((one) => isFresh.has(textLooks.get(one)));
        stay.forEach((one) => one.style.setProperty("position", "static", "important"));
        // In the same run, since each one reads the whole page first.
        axe.configure({ noHtml: true, rules: [{ id: "color-contrast", selector: "[data-fresh-look]" }] });
        texts.forEach((one) => one.setAttribute("data-fresh-look", ""));
        const all = await ask([document], rules, ["violations", ...(texts.length ? ["passes", "incomplete"] : [])]);
        texts.forEach((one) => one.removeAttribute("data-fresh-look"));
        const answered = Object.fromEntries(rules.map((rule) => [rule, { enabled: false }]));
        const ofNew = await ask(appeared, rulesOfNew, ["violations"], answered);
        const found = [...all.violations, ...ofNew.violations];
        stay.forEach((one) => one.style.removeProperty("position"));
        const contrast = (results) => results.filter(({ id }) => id === "color-contrast").flatMap(({ nodes }) => nodes);
        const unsaid = new Set(texts.filter((one) => textLooks.get(one).startsWith("sign ")));
        for (const { element } of contrast([...found, ...all.passes, ...all.incomplete])) unsaid.delete(element);
        const beneath = ["bgGradient", "bgImage", "pseudoContent"];
        const settled = contrast(all.incomplete)
            .filter(({ any }) => any.some(({ data }) => beneath.includes(data?.messageKey)))
            .concat(contrast(all.passes)).map(({ element }) => element).concat([...unsaid]);
        return {
            violations: found.map(({ id, impact, nodes }) => ({
                impact, fault: `${id}: ${nodes.map(({ element }) => element.outerHTML.slice(0, 160)).join(" · ")}` })),
            settled: settled.map((one) => textLooks.get(one)),
            hasNoLinkInText: all.inapplicable.some(({ id }) => id === "link-in-text-block"),
        };
    }
"""
"""Asks `rules` of the page, of the looks that are `fresh` their contrast, and of what is shown for the first time those
of `rulesOfNew` besides. Parts that are `right`, by their numbers, are asked what depends on the page alone."""
PASS_OVER = """
    (ofParts) => {
        for (const rule of axe._audit.rules.filter(({ id }) => !ofParts.includes(id))) {
            const gather = rule.gather;
            rule.gather = (...given) =>
                gather.apply(rule, given).filter(({ actualNode }) => !rightParts.has(actualNode));
        }
    }
"""
OUT_OF_REACH = """
    () => {
        const page = document.documentElement, wider = page.scrollWidth - page.clientWidth, out = [];
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
        return [wider, out];
    }
"""
BEGIN = """
    () => {
        if (typeof axe === "undefined" && sessionStorage.axe) (0, eval)(sessionStorage.axe);
        const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
        return [typeof axe !== "undefined", isStill, document.documentElement.classList.contains("dark")];
    }
"""
"""Brings axe into the page where the tab has it."""
KEEP_AXE = "(axe) => { sessionStorage.axe = axe; (0, eval)(axe); }"
SET_SCHEME = "([dark]) => document.documentElement.classList.toggle('dark', dark)"


class _Views:
    """One page in several views, one after another."""

    def __init__(self, page: Page) -> None:
        """Bring axe into the page."""
        self.page = page
        self.window: Any = page.viewport_size
        self.links_are_in_text = True
        has_axe, is_still, self.was_dark = page.evaluate(BEGIN)
        if not is_still:
            page.emulate_media(reduced_motion="reduce")
        if not has_axe:
            page.evaluate(KEEP_AXE, _axe())
        self.dark: bool = self.was_dark
        self.is_first = True
        self.first_width: int | None = None

    def faults(self, rules: list[str], *, dark: bool, width: int | None = None) -> list[dict[str, str]]:
        """Of these rules, of all rules where something is shown that no view before has shown, and of the contrast
        of texts that look like none that was judged before."""
        is_changed = dark != self.dark
        if width is not None and (wanted := {"width": width, "height": 768}) != self.page.viewport_size:
            self.page.set_viewport_size(wanted)
            is_changed = True
        self.dark = dark
        looks, part, parts = self.page.evaluate(SHOW, [dark, is_changed, self.is_first])
        fresh = set(looks) - _settled
        of_new = TAGS if part and part not in _clean else []
        if not self.is_first:
            unneeded = set() if fresh else {"color-contrast"}
            if width == self.first_width and not self.links_are_in_text:
                unneeded.add("link-in-text-block")
            rules = [rule for rule in [*rules, *(BY_WHOLE if part in _clean else [])] if rule not in unneeded]
        found: Any = {"violations": []}
        if rules or of_new:
            right = [number for number, each in enumerate(parts) if each in _clean]
            found = self.page.evaluate(ASK, [rules, of_new, [*fresh], right])
            _settled.update(filter(None, found["settled"]))
            if not found["violations"]:
                _clean.update(filter(None, [part, *parts]))
        if self.is_first:
            self.links_are_in_text = not found["hasNoLinkInText"]
            self.is_first = False
            self.first_width = width
        return list(found["violations"])

    def restore(self) -> None:
        if self.page.viewport_size != self.window:
            self.page.set_viewport_size(self.window)
        if self.dark != self.was_dark:
            self.page.evaluate(SET_SCHEME, [self.was_dark])


def barriers(page: Page) -> list[str]:
    """What is not accessible on the page that is open, how far it is wider than the window, and what of its open
    parts lies outside of the window or under something else.

    The page is not loaded again: scheme and width change where it stands, and are restored.
    """
    views = _Views(page)
    found = []
    # What is seen at both widths is judged at the second, where more is asked; at the first, what is left.
    for width, is_other_scheme, rules in (
        (WIDTHS[0], False, TAGS),
        (WIDTHS[1], True, BY_WIDTH),
        (WIDTHS[0], True, BY_SCHEME),
    ):
        dark = views.was_dark != is_other_scheme
        faults = views.faults(rules, dark=dark, width=width)
        found += [f"{'dark' if dark else 'light'}, {width}: {each['fault']}" for each in faults]
        if len(rules) == len(BY_SCHEME):
            continue
        wider, out_of_reach = page.evaluate(OUT_OF_REACH)
        if wider > 0:
            found.append(f"{wider} px wider than {width}")
        found += [f"out of reach at {width}: {control}" for control in out_of_reach]
    views.restore()
    return found


def serious_barriers(page: Page) -> list[str]:
    """The violations that axe calls serious or critical on the page as it is shown now, in both schemes."""
    page.wait_for_load_state()
    views = _Views(page)
    found = views.faults(TAGS, dark=views.was_dark) + views.faults(BY_SCHEME, dark=not views.was_dark)
    views.restore()
    return [each["fault"] for each in found if each["impact"] in ("serious", "critical")]


@cache
def _axe() -> str:
    return f"{Axe().axe_script}\n({PASS_OVER})({json.dumps(OF_PARTS)})"


_settled: set[str] = set()
"""Looks of texts of which axe said, in this process, that their contrast is sufficient, or that it cannot decide
it for what lies beneath."""
_clean: set[str] = set()
"""Parts that axe found nothing on: those around the content, and those that were shown for the first time where width
or scheme had changed."""
