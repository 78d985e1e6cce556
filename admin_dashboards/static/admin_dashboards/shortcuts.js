"use strict";

// Single-key shortcuts of desks and tables: the viewer's own keys, the sheet that lists them, and what keeps a key from
// deciding something unseen. `shortcuts.asleep` is true until the evidence has been shown; `shortcuts.busy` while an
// action is on its way.
const shortcuts = (() => {
    const SHOWN_FOR = 400;
    const LOOK_AGAIN = 50;
    const WAIT_FOR = 10 * 1000;
    const TYPING = "input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=submit]), textarea, select, [contenteditable]";
    // What decides: buttons of an item's decision, and the one that confirms many at once.
    const DECIDES = ".desk-decision [type=submit], [data-bulk] [type=submit]";
    // Awake once it can have been read, whatever the next picture takes: the time in which no one is notified is short.
    const UNDOES = ".desk-last [type=submit]";
    // Unfold's own single keys.
    const UNFOLDS = ["?", "/", "[", "f", "c"];
    const state = { asleep: false, busy: false, key: (name) => keymap()[name] || name, hears };

    const desk = () => document.querySelector("[data-desk]");
    const sheet = () => document.getElementById("desk-keys");
    const keymap = () => JSON.parse(document.getElementById("desk-keymap")?.textContent || "{}");
    const keysOf = (element) => element.dataset.key.split(" ");
    const keyed = () => [...document.querySelectorAll("[data-key]")].filter((one) => one.offsetParent !== null || one.closest("[data-row]"));
    const isOn = () => !document.querySelector("[data-keys-off]");
    const isShown = (element) => element.getClientRects().length > 0;
    const covered = () => [...document.querySelectorAll("dialog[open], [role=dialog], [aria-modal=true]")].some(isShown);

    // --- Asleep until the evidence is shown ---------------------------------------------------------------------------

    const visible = (image) => image.offsetParent !== null;

    // A picture that failed for good says so on the page; one that is fetched again does not yet. A video is there
    // with its first frame.
    function shown(media) {
        if (media.matches("video")) return media.readyState >= 2 || media.error;
        return media.complete && !media.dataset.asking && (media.naturalWidth > 0 || !media.dataset.again);
    }

    let waking = 0;
    let waited = 0;
    function sleep() {
        clearTimeout(waking);
        waited = 0;
        state.asleep = true;
        mark(DECIDES, true);
        mark(UNDOES, true);
        setTimeout(() => mark(UNDOES, false), SHOWN_FOR);
        wait();
    }

    function wait() {
        const media = [...document.querySelectorAll(".desk-evidence img, .desk-evidence video")].filter(visible);
        if (!document.hidden && media.every(shown)) {
            waking = setTimeout(wake, SHOWN_FOR);
            return;
        }
        if (!document.hidden) waited += LOOK_AGAIN;
        if (waited === WAIT_FOR) offer();
        waking = setTimeout(wait, LOOK_AGAIN);
    }

    function wake() {
        clearTimeout(waking);
        state.asleep = false;
        mark(DECIDES, false);
        document.querySelector("[data-offer]")?.remove();
    }

    function mark(buttons, asleep) {
        for (const button of document.querySelectorAll(buttons)) {
            if (asleep) button.setAttribute("aria-disabled", "true");
            else button.removeAttribute("aria-disabled");
        }
    }

    const isAsleep = (button) => button?.getAttribute("aria-disabled") === "true";

    // A picture that does not come is no reason never to decide; but then the viewer chooses so.
    function offer() {
        const place = document.querySelector(".desk-decision");
        if (!place?.querySelector("[type=submit]")) return;
        const texts = sheet().dataset;
        const said = Object.assign(document.createElement("p"), { className: "desk-why-not" });
        said.setAttribute("role", "status");
        said.dataset.offer = "";
        place.prepend(said);
        const button = Object.assign(document.createElement("button"), { type: "button", className: "desk-small-button", textContent: texts.without });
        button.addEventListener("click", () => {
            wake();
            document.querySelector("[data-part-heading]")?.focus({ preventScroll: true });
        });
        said.append(texts.notLoaded, button);
    }

    // Nothing unseen is decided by a click either, such as the second one of a double click.
    document.addEventListener("submit", (event) => {
        if (!isAsleep(event.submitter)) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        document.dispatchEvent(new CustomEvent("desk:asleep"));
    }, true);

    // --- Keys --------------------------------------------------------------------------------------------------------

    // As the viewer chose them, on the buttons too.
    function remap() {
        const keys = keymap();
        if (!isOn()) document.querySelectorAll("[data-desk] kbd").forEach((one) => one.remove());
        for (const element of document.querySelectorAll("[data-key]:not([data-mapped])")) {
            const first = keysOf(element)[0];
            element.dataset.mapped = first;
            if (!keys[first]) continue;
            element.dataset.key = keysOf(element).map((key) => keys[key] || key).join(" ");
            element.querySelectorAll("kbd").forEach((one) => { one.textContent = keys[first]; });
        }
    }

    // The decision is always visible, and what it is about stays visible, too.
    const focus = (element) => element.focus({ preventScroll: element.closest(".desk-decision") !== null });

    function press(element) {
        if (element.matches("summary")) {
            element.click();
            element.parentElement.querySelector("input:not([type=hidden]), select, textarea, button")?.focus();
        } else if (element.matches("input[type=radio], input[type=checkbox]")) {
            focus(element);
            element.click();
        } else if (element.matches(TYPING)) {
            focus(element);
            element.select?.();
        } else {
            element.click();
        }
    }

    let row = -1;
    function moveRow(step) {
        const rows = [...document.querySelectorAll("[data-row]")];
        if (!rows.length) return false;
        row = Math.min(Math.max(row + step, 0), rows.length - 1);
        rows[row].querySelector("a").focus();
        return true;
    }

    // Whether a single key pressed now is meant for the page: not typed, and nothing lies over it.
    function hears(event) {
        const typed = event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.matches?.(TYPING);
        return isOn() && !typed && !covered() && !event.target.closest?.("[data-palette]");
    }

    // Before Unfold, whose own single keys would act besides, and whether or not single keys are on. What the palette
    // takes while it opens it has taken already.
    document.addEventListener("DOMContentLoaded", () => addEventListener("keydown", (event) => {
        const written = event.target.matches?.("input:not([type=checkbox], [type=radio]), textarea, [contenteditable]");
        const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
        if (plain && !written && UNFOLDS.includes(event.key) && (desk() || !isOn())) event.stopPropagation();
        pressed(event);
    }, true));

    function pressed(event) {
        // Tables have no sheet: their two keys stand on the links.
        if (!desk()) return void (hears(event) && !event.repeat && document.querySelector(`[data-turn="${CSS.escape(event.key)}"]`)?.click());
        if (!sheet()) return;
        if (event.key === "Escape" && !covered()) return void leave(event.target);
        if (!hears(event)) return;
        const line = document.activeElement?.closest("[data-row]");
        if (event.key === state.key("j") || event.key === state.key("k")) {
            if (moveRow(event.key === state.key("j") ? 1 : -1)) return event.preventDefault();
        }
        // A key that is held down repeats; only moving from line to line may.
        if (event.repeat || state.busy) return;
        if (event.key === state.key("?")) {
            event.preventDefault();
            return show();
        }
        if (line && event.key === state.key("x")) return line.querySelector("input[type=checkbox]")?.click();
        if (line && event.key === state.key("o")) return line.querySelector("a").click();
        const element = keyed().find((one) => keysOf(one).includes(event.key) && !one.disabled);
        if (!element || isAsleep(element)) return;
        event.preventDefault();
        press(element);
    }

    // Escape closes the open tool, and the focus goes back to where it was opened.
    function leave(element) {
        const tool = element.closest("details[open]");
        if (tool && !tool.closest("[data-keeps-open]")) {
            tool.open = false;
            tool.querySelector("summary").focus();
        } else if (element.matches(TYPING)) {
            const heading = document.querySelector("[data-part-heading]");
            if (heading) heading.focus({ preventScroll: true });
            else element.blur();
        }
    }

    // One tool open at a time, closed by a click elsewhere or by tabbing out of it.
    document.addEventListener("click", (event) => closeOthers(event.target));
    document.addEventListener("focusin", (event) => closeOthers(event.target));
    function closeOthers(target) {
        for (const tool of document.querySelectorAll(".desk-tool[open]")) {
            if (!tool.contains(target)) tool.open = false;
        }
    }

    // Enter in a field would press the first button, whatever is chosen: where there are several, one is pressed.
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || !desk() || !event.target.matches("input:not([type=submit]):not([type=button])")) return;
        const ways = event.target.form?.querySelectorAll("button[type=submit]:not([hidden])").length || 0;
        if (ways > 1) event.preventDefault();
    });

    // --- The sheet ---------------------------------------------------------------------------------------------------

    function show() {
        if (!sheet()) return;
        const here = new Map();
        for (const element of keyed()) here.set(element.dataset.mapped, { keys: keysOf(element), name: nameOf(element) });
        if (document.querySelector("[data-row]")) for (const key of ["j", "k", "o"]) here.set(key, { keys: [state.key(key)] });
        if (document.querySelector("[data-row] input[type=checkbox]")) here.set("x", { keys: [state.key("x")] });
        for (const line of sheet().querySelectorAll("[data-shortcut]")) {
            const found = here.get(line.dataset.shortcut);
            line.hidden = !found;
            if (!found) continue;
            line.querySelector("dt").replaceChildren(...found.keys.map((key) => Object.assign(document.createElement("kbd"), { textContent: key })));
            if (found.name) line.querySelector("dd").textContent = found.name;
        }
        for (const group of sheet().querySelectorAll("[data-key-group]")) group.hidden = !group.querySelector("[data-shortcut]:not([hidden])");
        sheet().showModal();
    }

    function nameOf(element) {
        if (element.dataset.keyName) return element.dataset.keyName;
        if (element.getAttribute("aria-label")) return element.getAttribute("aria-label");
        const labelled = element.labels?.[0] || element;
        const copy = labelled.cloneNode(true);
        copy.querySelectorAll("kbd, .material-symbols-outlined, input, select, textarea").forEach((one) => one.remove());
        return copy.textContent.trim().replace(/\s+/g, " ");
    }

    document.addEventListener("desk:opened", () => {
        document.querySelectorAll("[data-sheet]").forEach((button) => { button.hidden = false; button.onclick = show; });
        remap();
        sleep();
    });

    return state;
})();
