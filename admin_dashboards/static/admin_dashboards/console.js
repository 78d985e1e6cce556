"use strict";

// Unfold makes buttons out of <a> and <span> that no keyboard reaches; here they become buttons. Its icons are
// ligatures of a font; here they are not read out, and name what has no other name.
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

// A form that comes back with errors has changes that are not saved, too: Unfold's warning knows only what is typed.
addEventListener("load", () => setTimeout(() => {
    const form = document.querySelector("form.warn-unsaved-form");
    if (form?.querySelector(".errornote, .errorlist, .errors, [aria-invalid=true]")) form.querySelector("input")?.dispatchEvent(new Event("input"));
}));

// The permission board: type to narrow it down; what is ticked stays ticked, visible or not.
function board(root) {
    const search = root.querySelector("[data-board-search]");
    const only = root.querySelector("[data-board-only]");
    const count = root.querySelector("[data-board-count]");

    function show() {
        const wanted = search.value.toLowerCase().split(/\s+/);
        let shown = 0;
        for (const row of root.querySelectorAll("[data-board-row]")) {
            const table = row.querySelector("legend").textContent;
            for (const label of row.querySelectorAll("label")) {
                const text = `${table} ${label.textContent} ${label.title}`.toLowerCase();
                label.hidden = !wanted.every((word) => text.includes(word)) || (only.checked && !label.control.checked);
            }
            row.hidden = !row.querySelector("label:not([hidden])");
            shown += !row.hidden;
        }
        root.querySelector("[data-board-nothing]").hidden = shown > 0;
        const ticked = root.querySelectorAll("[data-board-row] :checked").length;
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

// An open document that is free is claimed, and its claim renewed while it stands there; where a colleague has it by now, the page says so.
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

// Addresses of pictures live a minute; one that has not been loaded by then is asked for anew. Until that has come, or
// failed as well, it is neither there nor missing: `data-asking`.
document.addEventListener("error", async (event) => {
    const image = event.target;
    if (!(image instanceof HTMLImageElement)) return;
    const { again } = image.dataset;
    delete image.dataset.again;
    delete image.dataset.asking;
    if (!again) return;
    image.dataset.asking = "1";
    const answer = await fetch(again, { headers: { Accept: "application/json" } }).catch(() => null);
    const address = answer?.ok ? (await answer.json().catch(() => null))?.address : null;
    if (address) image.src = address;
    else image.dispatchEvent(new Event("error"));
}, true);
document.addEventListener("load", (event) => { if (event.target instanceof HTMLImageElement) delete event.target.dataset.asking; }, true);

// Of what htmx fetches for an element with `data-failed-in`, only an answer marked as a part of a page is put in, whatever
// its status: never a sign-in page.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.requestConfig.elt.dataset.failedIn) return;
    detail.shouldSwap = detail.xhr.getResponseHeader("X-Part") !== null;
    detail.isError = !detail.shouldSwap;
});
// What is fetched again and again stays as it is where nothing is new: a selection, or a screen reader's place in it.
document.addEventListener("htmx:oobBeforeSwap", ({ detail, target }) => {
    if (detail.fragment.firstElementChild?.innerHTML === target.innerHTML) detail.shouldSwap = false;
});
// What does not come is not what was there before: `data-failed` takes its place, and that of what `data-failed-in` selects.
for (const failure of ["htmx:sendError", "htmx:responseError"]) {
    document.addEventListener(failure, ({ detail: { requestConfig, target } }) => {
        const { failed, failedIn } = requestConfig.elt.dataset;
        if (!failed) return;
        for (const part of requestConfig.elt.querySelectorAll("[id]")) part.textContent = "";
        for (const place of [target, ...(failedIn ? document.querySelectorAll(failedIn) : [])]) place.textContent = failed;
    });
}

// The preview of a change of permissions is one line below a long form, until it is unfolded; beside the form, the style
// shows all of it.
function preview(panel) {
    const fold = panel.querySelector("[data-preview-fold]");
    const unfold = (open) => {
        panel.classList.toggle("is-folded", !open);
        fold.setAttribute("aria-expanded", open);
    };
    fold.hidden = panel.parentElement.id !== "content-main";
    fold.addEventListener("click", () => {
        unfold(panel.classList.contains("is-folded"));
        if (!panel.classList.contains("is-folded")) panel.querySelector("[name=_preview]").click();
    });
    unfold(fold.hidden);
}

// The counts in the menu and the time that the session has left: one question to the server every half minute, none
// while the page is hidden. The server knows what other tabs do, so all of them agree.
function live(bar) {
    const ASK_EVERY = 30 * 1000;
    const ASK_EVERY_WARNED = 5 * 1000;
    const texts = bar.dataset;
    const text = bar.querySelector("[data-session-text]");
    const said = document.querySelector("[data-session-said]");
    const tabs = "BroadcastChannel" in window ? new BroadcastChannel("infloo-session") : null;
    let endsAt = Date.now() + Number(texts.endsIn) * 1000;
    let warnAt = Number(texts.warnAt) * 1000;
    let renewable = true;
    let asked = Date.now();
    let [asking, again, out] = [false, false, false];
    let unsent = "";

    function menu(desks) {
        for (const place of document.querySelectorAll("[data-counts]")) {
            const counts = desks[place.dataset.counts];
            if (!counts) continue;
            place.title = counts.label;
            for (const figure of place.querySelectorAll("[data-count]")) {
                const value = counts[figure.dataset.count];
                const inner = figure.querySelector("[data-figure]") || figure;
                if (inner.textContent !== value) inner.textContent = value;
                figure.hidden = !value;
            }
        }
    }

    function session(state) {
        endsAt = Date.now() + state.ends_in * 1000;
        warnAt = state.warn_at * 1000;
        renewable = state.renewable;
        unsent = "";
        if (out) {
            out = false;
            drafts.forget();
        }
        draw();
    }

    async function ask() {
        // What happened since an answer was asked for may not be in it.
        if (asking) return void (again = true);
        [asking, again, asked] = [true, false, Date.now()];
        try {
            const answer = await fetch(texts.live, { headers: { Accept: "application/json", "X-Poll": "1" } });
            if (answer.status === 401) return ended();
            if (!answer.ok) return;
            const state = await answer.json();
            menu(state.desks);
            session(state.session);
            document.dispatchEvent(new CustomEvent("console:live", { detail: state }));
        } catch {
            // Offline: the next turn asks again.
        } finally {
            asking = false;
            if (again) ask();
        }
    }

    function ended() {
        if (out) return;
        out = true;
        drafts.keep();
        text.textContent = said.textContent = texts.ended;
        bar.querySelector(".session-stay").hidden = true;
        const link = bar.querySelector("[data-sign-in]");
        link.href = `${new URL(link.href).pathname}?next=${encodeURIComponent(location.pathname + location.search)}`;
        link.hidden = false;
        // What was typed is kept for the sign-in, so that the way there need not be asked about.
        link.addEventListener("click", () => removeEventListener("beforeunload", window.preventLeaving));
        // Where a desk says so already, at its own place, once is enough.
        bar.hidden = Boolean(document.querySelector(".desk-news.is-out"));
    }

    function draw() {
        if (out) return;
        const left = Math.max(0, endsAt - Date.now());
        if (left > warnAt) {
            if (!bar.hidden && bar.contains(document.activeElement)) document.getElementById("content-start")?.focus();
            bar.hidden = true;
            return;
        }
        const seconds = Math.ceil(left / 1000);
        const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
        text.textContent = `${unsent} ${(renewable ? texts.idleText : texts.lastText).replace("%s", clock)}`;
        bar.querySelector(".session-stay").hidden = !renewable;
        bar.querySelector("[data-sign-in]").hidden = true;
        if (bar.hidden) said.textContent = renewable ? texts.warning : texts.last;
        bar.hidden = false;
    }

    function turn() {
        const left = endsAt - Date.now();
        const every = left > warnAt ? ASK_EVERY : ASK_EVERY_WARNED;
        // Before it warns, and once it ends, it asks: another tab may have been used meanwhile.
        const due = Date.now() - asked >= every || (left <= warnAt && bar.hidden);
        if (out || (document.hidden && left > warnAt)) return;
        if (due) ask().then(draw);
        else draw();
    }

    bar.addEventListener("submit", async (event) => {
        event.preventDefault();
        try {
            const answer = await fetch(bar.getAttribute("action"), { method: "POST", body: new FormData(bar), headers: { Accept: "application/json", "X-Part": "1" } });
            const state = await answer.json();
            if (answer.status === 401) return ended();
            if (state.type === "form-out-of-date") {
                if (String(state.person) !== drafts.person()) return void (text.textContent = state.elsewhere);
                for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = state.token;
                return bar.requestSubmit();
            }
            if (!answer.ok) return notSent();
            said.textContent = texts.stayed;
            session(state.session);
            tabs?.postMessage("used");
        } catch {
            notSent();
        }
    });
    function notSent() {
        said.textContent = unsent = texts.unsent;
        draw();
    }
    addEventListener("pagehide", () => { if (out) drafts.keep(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
    tabs?.addEventListener("message", () => ask());
    // Opening a page is use, too.
    tabs?.postMessage("used");
    const link = document.querySelector("[data-notices]");
    if (link && notices(link)) ask();
    setInterval(turn, 1000);
}

// How many notices are unread: as the last answer had it, until the next one comes.
function notices(link) {
    const PLACE = `infloo-notices-${drafts.person()}`;
    const place = link.querySelector("[data-notices-count]");
    function show(count) {
        place.hidden = !count;
        place.textContent = count > 99 ? "99+" : count;
        if (count) link.setAttribute("aria-label", link.dataset.label.replace("%s", place.textContent));
        else link.removeAttribute("aria-label");
    }
    show(Number(sessionStorage.getItem(PLACE)));
    document.addEventListener("console:live", (event) => {
        show(event.detail.notices);
        sessionStorage.setItem(PLACE, event.detail.notices);
    });
    return sessionStorage.getItem(PLACE) === null;
}

// The command palette: it opens from fields, too, and says why a search did not come through. Unfold's keeps what was
// found until it is emptied; here nothing of it stays.
function palette(dialog) {
    const input = dialog.querySelector("#search-input-command");
    const results = dialog.querySelector("#command-results");
    const note = (text) => { dialog.querySelector("#command-results-note").textContent = text; };
    try {
        localStorage.removeItem("commandHistory");
    } catch {
        // None may be kept here, so none was.
    }
    document.addEventListener("keydown", (event) => {
        if (event.key !== "k" || !(event.ctrlKey || event.metaKey) || event.target === input || event.defaultPrevented) return;
        if (!event.target.matches("input, textarea, [contenteditable]")) return;
        event.preventDefault();
        dispatchEvent(new CustomEvent("opencommand"));
    });
    // Where one was before it opened is where one goes on after it.
    let before = null;
    let opening = 0;
    const remember = (element) => {
        if (dialog.contains(element) || dialog.style.display !== "none") return;
        before = element;
        opening = Date.now();
    };
    // What is typed before it has opened is meant for it, and must not press a key of the desk behind it.
    input.addEventListener("focus", () => { opening = 0; });
    addEventListener("keydown", (event) => {
        if (Date.now() - opening > 1000 || event.key.length > 1 || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        input.value += event.key;
        input.dispatchEvent(new Event("input", { bubbles: true }));
    }, true);
    document.addEventListener("keydown", (event) => { if (event.key === "k" && (event.ctrlKey || event.metaKey)) remember(document.activeElement); }, true);
    document.addEventListener("click", (event) => { const opener = event.target.closest("[data-open-palette]"); if (opener) remember(opener); }, true);
    let open = false;
    new MutationObserver(() => {
        const was = open;
        open = dialog.style.display !== "none";
        if (open || !was || !before) return;
        const back = before;
        before = null;
        // After Unfold's own, unless it has been opened again by then.
        setTimeout(() => { if (!open) back.focus(); }, 50);
    }).observe(dialog, { attributes: true, attributeFilter: ["style"] });
    input.addEventListener("input", () => {
        if (input.value.trim()) return;
        results.replaceChildren();
        note("");
    });
    dialog.addEventListener("htmx:responseError", (event) => {
        results.replaceChildren();
        const status = event.detail.xhr.status;
        note(status === 401 ? dialog.dataset.signedOut : status === 429 ? dialog.dataset.tooMany : dialog.dataset.unreachable);
    });
    dialog.addEventListener("htmx:sendError", () => {
        results.replaceChildren();
        note(dialog.dataset.unreachable);
    });
}

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-palette]").forEach(palette);
    document.querySelectorAll("[data-session]").forEach(live);
    document.querySelectorAll("[data-preview]").forEach(preview);
    reach(document);
    // Browsers pass over it where the page before still had the focus.
    if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
    sendOnChange(document);
    document.querySelectorAll("[data-board]").forEach(board);
    document.querySelectorAll("form[data-claim]").forEach(keepClaim);
});
