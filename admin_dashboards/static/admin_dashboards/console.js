"use strict";

// Unfold makes buttons out of <a> and <span> that no keyboard reaches; here they become buttons. Its icons are
// words in a font of pictures; here they are not read out, and name what has no other name.
const ICONS = ".material-symbols-outlined";
const NAMES = { hub: "Overview", dock_to_right: "Menu", close: "Close", unfold_more: "Your account" };
const REACHABLE = "a[href], button, input, select, textarea, [tabindex]";
const BEHIND = "#changelist-filter-close, [id$=modal], form, nav";
function reach(root) {
    for (const element of root.querySelectorAll("[x-on\\:click]")) {
        if (element.matches(REACHABLE) || element.matches(BEHIND)) continue;
        element.tabIndex = 0;
        element.setAttribute("role", "button");
    }
    for (const icon of root.querySelectorAll(ICONS)) {
        const name = icon.textContent.trim();
        const holder = icon.closest("a, button, [role=button]");
        if (holder && holder.textContent.trim() === name && !holder.title && !holder.hasAttribute("aria-label")) {
            holder.setAttribute("aria-label", NAMES[name] || name.replaceAll("_", " "));
        }
        if (holder !== icon) icon.setAttribute("aria-hidden", "true");
    }
}
document.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && event.target.matches("[role=button]:not(button)")) {
        event.preventDefault();
        event.target.click();
    }
});

// The choice of rows a page is sent as soon as it is made.
function sendOnChange(root) {
    for (const select of root.querySelectorAll("[data-send-on-change]")) {
        select.addEventListener("change", () => select.form.requestSubmit());
        for (const button of select.form.querySelectorAll("[data-without-script]")) button.hidden = true;
    }
}

// The permission board: type to narrow it down; what is ticked stays ticked, seen or not.
function board(root) {
    const search = root.querySelector("[data-board-search]");
    if (!search) return;
    const only = root.querySelector("[data-board-only]");
    const count = root.querySelector("[data-board-count]");
    const nothing = root.querySelector("[data-board-nothing]");
    const things = [...root.querySelectorAll("[data-board-thing]")];
    const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

    function show() {
        const wanted = words(search.value);
        let shown = 0;
        let ticked = 0;
        for (const thing of things) {
            const name = thing.querySelector("legend").textContent.toLowerCase();
            let inThing = 0;
            for (const label of thing.querySelectorAll("label")) {
                const box = label.querySelector("input");
                const text = `${name} ${label.textContent.toLowerCase()} ${label.title.toLowerCase()}`;
                const fits = wanted.every((word) => text.includes(word)) && (!only.checked || box.checked);
                label.hidden = !fits;
                inThing += fits;
                ticked += box.checked;
            }
            thing.hidden = !inThing;
            shown += inThing;
        }
        nothing.hidden = shown > 0;
        count.textContent = ticked === 1 ? count.dataset.one : count.dataset.many.replace("%s", ticked);
    }

    search.hidden = false;
    root.querySelector("[data-board-tools]").hidden = false;
    search.addEventListener("input", show);
    search.addEventListener("keydown", (event) => {
        if (event.key === "Enter") event.preventDefault();
        if (event.key === "Escape") { search.value = ""; show(); }
    });
    root.addEventListener("change", show);
    show();
}

// An open document that is free is claimed, and its claim renewed while it stands there; where somebody else has it by now, the page says so.
const RENEW_EVERY = 5 * 60 * 1000;
function keepClaim(form) {
    const renew = async () => {
        const answer = await fetch(form.dataset.claim, { method: "POST", body: new FormData(form), headers: { "X-Poll": "1" } });
        if ([401, 403, 409].includes(answer.status)) {
            form.querySelector("[data-claim-sentence]").textContent = (await answer.json()).sentence;
            clearInterval(timer);
        }
    };
    const timer = setInterval(() => renew().catch(() => {}), RENEW_EVERY);
    if (form.dataset.free) renew().catch(() => {});
}

// Addresses of pictures live a minute; one that has not been loaded by then is asked for anew.
document.addEventListener("error", async (event) => {
    const image = event.target;
    if (!(image instanceof HTMLImageElement) || !image.dataset.again) return;
    const again = image.dataset.again;
    delete image.dataset.again;
    const answer = await fetch(again, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.ok) image.src = (await answer.json()).address;
}, true);

// What would change: asked anew with each tick, and by its button. Nothing is saved by it.
function preview(panel) {
    const form = document.getElementById(panel.dataset.preview);
    if (!form) return;
    const place = panel.querySelector("[data-preview-answer]");
    const counts = panel.querySelector("[data-preview-counts]");
    const fold = panel.querySelector("[data-preview-fold]");
    const unfold = (open) => {
        panel.classList.toggle("is-folded", !open);
        fold.setAttribute("aria-expanded", open);
    };
    // In sight below a long form it is one line; where it stands beside the form, the style shows all of it.
    const folds = panel.parentElement.id === "content-main";
    fold.hidden = !folds;
    fold.addEventListener("click", () => {
        const open = fold.getAttribute("aria-expanded") === "false";
        unfold(open);
        if (open) ask().catch(() => {});
    });
    unfold(!folds);
    let timer;
    let asked = 0;
    const ask = async () => {
        const turn = ++asked;
        const body = new FormData(form);
        body.append("_preview", "1");
        const answer = await fetch(location.href, { method: "POST", body, headers: { "X-Part": "1" } });
        const text = await answer.text();
        if (!answer.headers.get("X-Part") || turn !== asked) return;
        place.innerHTML = text;
        const line = place.querySelector("[data-counts]");
        counts.textContent = line.textContent;
        line.remove();
    };
    form.addEventListener("change", (event) => {
        if (!event.target.closest(".board, [data-previewed]") && event.target.name !== "is_active") return;
        clearTimeout(timer);
        timer = setTimeout(() => ask().catch(() => {}), 400);
    });
    panel.querySelector("button[name=_preview]").addEventListener("click", (event) => {
        event.preventDefault();
        ask().catch(() => {});
    });
}

// Matches are shown while one types; Enter leads straight to the only one.
function find(form) {
    const place = document.getElementById(form.dataset.find);
    let timer;
    let asked = 0;
    const ask = async () => {
        const turn = ++asked;
        const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
        const answer = await fetch(address, { headers: { "X-Part": "1" } });
        const text = await answer.text();
        if (answer.headers.get("X-Part") && turn === asked) place.innerHTML = text;
    };
    form.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(() => ask().catch(() => {}), 250);
    });
}

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-preview]").forEach(preview);
    document.querySelectorAll("form[data-find]").forEach(find);
    reach(document);
    // Browsers pass over it where the page before still had the focus.
    if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
    sendOnChange(document);
    document.querySelectorAll("[data-board]").forEach(board);
    document.querySelectorAll("form[data-claim]").forEach(keepClaim);
});
