"use strict";

// A desk: items follow each other without a page load, the next one's picture is fetched ahead, and an open item
// follows what colleagues do to it. Keys are in shortcuts.js.
(() => {
    const LOOK_EVERY = 2000;
    const RENEW_EVERY = 5 * 60 * 1000;
    const desk = () => document.querySelector("[data-desk]");
    const work = () => document.getElementById("desk-work");
    const item = () => document.querySelector("[data-item]");
    const words = () => document.getElementById("desk-keys").dataset;

    // A field of the form may be called "action", and would be found in place of its address.
    const addressOf = (form) => form.getAttribute("action") || location.href;

    // --- The next item without a page load ---------------------------------------------------------------------------

    async function send(form, button) {
        if (shortcuts.busy) return;
        shortcuts.busy = true;
        work().setAttribute("aria-busy", "true");
        const body = new FormData(form, button);
        try {
            const answer = await fetch(addressOf(form), { method: "POST", body, headers: { "X-Part": "1" } });
            if (!(await refused(answer))) await show(answer, form);
        } catch {
            tell(words().unsent);
        } finally {
            shortcuts.busy = false;
            work().removeAttribute("aria-busy");
        }
    }

    async function show(answer, sent) {
        const text = await answer.text();
        const page = new DOMParser().parseFromString(text, "text/html");
        const part = page.querySelector("[data-item]");
        if (!part) {
            // Not an item: the desk itself or the sign-in, or a page that says why not.
            if (answer.ok) location.assign(answer.url);
            else tell(page.querySelector(".turned-down h2 + p")?.textContent.trim() || words().unsent);
            return;
        }
        const moved = part.dataset.item !== item()?.dataset.item;
        if (item()?.classList.contains("is-over")) drafts.keep();
        if (moved) useFetched(part);
        else keep(part, sent);
        const scrolled = moved ? 0 : item().querySelector(".desk-facts")?.scrollTop;
        work().replaceChildren(part);
        if (moved) {
            history.pushState({}, "", answer.headers.get("X-Address") || (answer.redirected ? answer.url : location.href));
            document.title = `${part.dataset.title} | ${document.title.split(" | ").pop()}`;
            scrollTo(0, 0);
        }
        if (scrolled) part.querySelector(".desk-facts").scrollTop = scrolled;
        opened();
        part.querySelector("[data-part-heading]").focus({ preventScroll: true });
    }

    // The same item again: what is shown of it stays as it is, zoom and page included, and so does what is typed into
    // forms other than the one that was sent.
    function keep(part, sent) {
        const [before, after] = [item()?.querySelector("[data-viewer]"), part.querySelector("[data-viewer]")];
        if (before && after) after.replaceWith(before);
        for (const form of item()?.querySelectorAll("form[data-part]") || []) {
            if (form !== sent) keepTyped(form, part);
        }
    }

    const TYPED = "textarea, input:not([type=hidden], [type=submit], [type=button])";
    const isTick = (field) => field.matches("[type=checkbox], [type=radio]");
    const changed = (field) => (isTick(field) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);

    function keepTyped(form, part) {
        const alike = [...part.querySelectorAll("form[data-part]")].filter((one) => one.getAttribute("action") === form.getAttribute("action"));
        if (alike.length !== 1) return;
        const fields = [...form.elements].filter((field) => field.name && field.matches(TYPED));
        // A form that shows what is saved is kept with the version that it was typed on, so that nothing is overwritten.
        const seen = form.querySelector("[data-seen]");
        if (seen && !form.matches("[data-unsaved]") && !fields.some(changed)) return;
        for (const field of fields) {
            const there = [...alike[0].elements].find((one) => one.name === field.name && (!isTick(field) || one.value === field.value));
            if (!there) continue;
            if (isTick(field)) there.checked = field.checked;
            else there.value = field.value;
        }
        if (seen) alike[0].querySelector("[data-seen]").value = seen.value;
        const box = alike[0].closest("details");
        if (box && form.closest("details").open) box.open = true;
    }

    // --- The next item's pictures, fetched ahead ---------------------------------------------------------------------

    // From the address at which a picture is asked for again, or its own, to its content.
    let fetched = new Map();
    let shown = [];
    const placeOf = (image) => image.dataset.again || image.getAttribute("src");
    async function fetchAhead() {
        const here = item();
        if (!here?.dataset.ahead || !here.dataset.open) return;
        const options = { headers: { "X-Part": "1", "X-Poll": "1" } };
        const answer = await fetch(here.dataset.ahead, options).catch(() => null);
        if (item() !== here || !answer?.ok || answer.status === 204) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const ahead = new Map();
        for (const image of page.querySelectorAll(".desk-evidence img:not([loading=lazy])[src]")) {
            const got = await fetch(image.getAttribute("src"), { headers: { "X-Poll": "1" } }).catch(() => null);
            if (item() !== here) return;
            if (got?.ok) ahead.set(placeOf(image), URL.createObjectURL(await got.blob()));
        }
        fetched = ahead;
        here.dataset.fetched = "1";
    }

    // What was fetched for the item that now comes; what the one before showed is let go.
    function useFetched(part) {
        shown.forEach((address) => URL.revokeObjectURL(address));
        shown = [...fetched.values()];
        for (const image of part.querySelectorAll(".desk-evidence img[src]")) {
            const content = fetched.get(placeOf(image));
            if (content) image.src = content;
        }
        fetched = new Map();
    }

    addEventListener("popstate", () => { if (work()) location.reload(); });

    // Nothing unseen is decided by a click either, such as the second one of a double click.
    document.addEventListener("submit", (event) => {
        if (!shortcuts.asleep || !event.submitter?.matches(shortcuts.decides)) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        tell(words().loading);
    }, true);

    document.addEventListener("submit", (event) => {
        if (!work() || !event.target.matches("form[data-part]") || event.defaultPrevented) return;
        event.preventDefault();
        send(event.target, event.submitter);
    });

    function tell(sentence) {
        let news = document.querySelector("[data-news]");
        if (!news) {
            news = Object.assign(document.createElement("p"), { className: "desk-news" });
            news.dataset.news = "";
            news.setAttribute("role", "status");
            desk().prepend(news);
        }
        news.textContent = sentence;
        news.hidden = !sentence;
    }

    // --- Signed out, or out of date ----------------------------------------------------------------------------------

    // Whether the console did not take it because of who asks. What is typed stays, and the page says how to go on.
    async function refused(answer) {
        if (![401, 403].includes(answer.status) || !answer.headers.get("Content-Type")?.includes("json")) return null;
        const said = await answer.json();
        if (said.type === "signed-out") signedOut(said);
        else if (said.type === "form-out-of-date" && String(said.person) === drafts.person()) {
            for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = said.token;
            tell(said.sentence);
        } else tell(said.elsewhere || said.sentence);
        return said;
    }

    let out = false;
    function signedOut(said) {
        stop();
        drafts.keep();
        if (out) return;
        out = true;
        tell(`${said.sentence} `);
        document.querySelector("[data-news]").classList.add("is-out");
        const here = encodeURIComponent(location.pathname + location.search);
        document.querySelector("[data-news]").append(Object.assign(document.createElement("a"), { href: `${said.sign_in}?next=${here}`, textContent: said.sign_in_title, className: "link" }));
    }

    addEventListener("pagehide", () => { if (out || item()?.classList.contains("is-over")) drafts.keep(); });

    // Back in this tab, perhaps signed in again in another.
    document.addEventListener("visibilitychange", () => { if (out && !document.hidden) (item() ? look : refresh)(); });

    function isIn() {
        if (!out) return;
        out = false;
        drafts.forget();
        document.querySelector("[data-news]")?.classList.remove("is-out");
        tell("");
        watch();
    }

    // --- What becomes of the open item -------------------------------------------------------------------------------

    let looking = 0;
    let renewing = 0;
    async function look() {
        const here = item();
        if (!here || document.hidden) return;
        let state;
        try {
            const answer = await fetch(here.dataset.item, { headers: { Accept: "application/json", "X-Poll": "1" } });
            if (!answer.ok) return void (await refused(answer));
            state = await answer.json();
        } catch {
            return;
        }
        if (item() !== here) return;
        isIn();
        const others = here.querySelector("[data-others]");
        const said = state.others.length ? words().others.replace("%s", state.others.join(", ")) : "";
        if (others.textContent !== said) others.textContent = said;
        if (Boolean(here.dataset.open) && !state.open) return over(here, state.sentence);
        if (String(state.version) !== here.dataset.version) return over(here, words().changed);
        if (here.dataset.held && !state.held_by_me) {
            return over(here, state.holder ? words().taken.replace("%s", state.holder) : words().lost);
        }
        if (!here.dataset.held && state.open && state.holder !== here.dataset.holder) {
            here.dataset.holder = state.holder;
            tell(state.holder ? words().claimed.replace("%s", state.holder) : words().free);
        }
    }

    // A colleague was quicker: what is typed stays, nothing can be sent any more, and the page says why, and what
    // becomes of it from then on.
    function over(here, sentence) {
        if (here.dataset.over === sentence) return;
        here.dataset.over = sentence;
        clearInterval(renewing);
        here.querySelectorAll(".desk-decision button, .desk-decision input[type=submit]").forEach((one) => { one.disabled = true; });
        here.classList.add("is-over");
        tell(`${sentence} `);
        const again = Object.assign(document.createElement("button"), { type: "button", className: "desk-small-button", textContent: words().reload });
        again.addEventListener("click", () => location.reload());
        document.querySelector("[data-news]").append(again);
    }

    async function renew() {
        const here = item();
        const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
        if (!(here?.dataset.held || here?.dataset.free) || !token) return;
        const body = new FormData();
        body.set("action", "renew");
        body.set("csrfmiddlewaretoken", token);
        const answer = await fetch(here.dataset.action, { method: "POST", body, headers: { "X-Poll": "1" } }).catch(() => null);
        if (!answer || (await refused(answer)) || !here.dataset.free) return;
        delete here.dataset.free;
        if (answer.ok) here.dataset.held = "1";
        else if (answer.status === 409) await asItIs(here, (await answer.json()).sentence);
    }

    // Somebody was quicker while it opened: shown as theirs, with the way to take it over; what is typed already stays.
    async function asItIs(here, sentence) {
        const answer = await fetch(location.href, { headers: { "X-Part": "1" } }).catch(() => null);
        if (item() !== here) return;
        const fields = [...here.querySelectorAll("textarea, input[type=text], input:not([type])")];
        if (answer?.ok && fields.every((one) => one.value === one.defaultValue)) await show(answer);
        else over(here, sentence);
    }

    function stop() {
        clearInterval(looking);
        clearInterval(renewing);
        clearInterval(refreshing);
    }

    function watch() {
        stop();
        refreshing = setInterval(refresh, REFRESH_EVERY);
        if (!item()) return;
        looking = setInterval(look, LOOK_EVERY);
        renewing = setInterval(renew, RENEW_EVERY);
    }

    // The desk page keeps itself up to date, unless somebody is choosing on it.
    const REFRESH_EVERY = 15000;
    let refreshing = 0;
    async function refresh() {
        const live = [...document.querySelectorAll("[data-live]")];
        if (!live.length || document.hidden) return;
        let fresh;
        try {
            const answer = await fetch(location.href, { headers: { "X-Poll": "1" } });
            if (!answer.ok) return void (await refused(answer));
            if (answer.redirected) return;
            isIn();
            fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        } catch {
            return;
        }
        for (const here of live) {
            const there = fresh.querySelector(`[data-live="${here.dataset.live}"]`);
            const chosen = here.querySelector("input:checked") || here.contains(document.activeElement);
            if (there && !chosen && there.innerHTML !== here.innerHTML) here.replaceWith(there);
        }
    }

    // Many at once, ten by ten, so that one sees how far it is and what came of each.
    const AT_ONCE = 10;
    async function sendInParts(form, button) {
        const words = form.dataset;
        const items = [...form.querySelectorAll("input[name=item]")].map((one) => one.value);
        const progress = form.querySelector("progress");
        const told = form.querySelector("[data-bulk-said]");
        button.disabled = true;
        progress.hidden = false;
        progress.max = items.length;
        let undo = null;
        for (let sent = 0; sent < items.length; sent += AT_ONCE) {
            const body = new FormData(form, button);
            body.set(button.name, button.value);
            body.delete("item");
            items.slice(sent, sent + AT_ONCE).forEach((number) => body.append("item", number));
            let page;
            let said;
            try {
                const answer = await fetch(addressOf(form), { method: "POST", body, headers: { Accept: "application/json" } });
                said = await refused(answer);
                page = new DOMParser().parseFromString(said ? "" : await answer.text(), "text/html");
                if (!answer.ok) throw new Error(answer.status);
            } catch {
                const why = page?.querySelector("[role=alert]")?.textContent.trim();
                told.textContent = said?.sentence || why || words.stopped.replace("%s", sent).replace("%t", items.length);
                button.disabled = false;
                items.slice(0, sent).forEach((number) => form.querySelector(`input[name=item][value="${number}"]`).remove());
                return;
            }
            undo = page.querySelector("[data-bulk-undo]") || undo;
            for (const line of page.querySelectorAll("[data-bulk-line]")) {
                document.querySelector(`[data-bulk-line="${line.dataset.bulkLine}"]`)?.replaceWith(line);
            }
            progress.value = Math.min(sent + AT_ONCE, items.length);
            told.textContent = words.sent.replace("%s", progress.value).replace("%t", items.length);
            if (progress.value === items.length) {
                const left = document.querySelectorAll("[data-bulk-line].is-skipped").length;
                document.querySelector(".desk-lead").textContent = words.done.replace("%s", items.length - left).replace("%t", left);
                if (undo) form.replaceWith(undo);
                else form.remove();
            }
        }
    }

    function countdown() {
        for (const form of document.querySelectorAll("[data-leaves]")) {
            const said = form.querySelector("[data-countdown]");
            const words = document.getElementById("desk-keys").dataset;
            const tick = () => {
                const left = Math.ceil(Number(form.dataset.leaves) - Date.now() / 1000);
                said.textContent = left > 0 ? words.untold.replace("%s", left) : words.told;
                if (left > 0 && form.isConnected) setTimeout(tick, 1000);
            };
            tick();
        }
    }

    function timelines() {
        for (const timeline of document.querySelectorAll("[data-timeline]")) {
            const kinds = timeline.querySelector("[data-timeline-kinds]");
            kinds.hidden = kinds.children.length < 2;
            kinds.onclick = (event) => {
                const button = event.target.closest("button");
                if (!button) return;
                button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
                const wanted = [...kinds.querySelectorAll("[aria-pressed=true]")].map((one) => one.value);
                for (const line of timeline.querySelectorAll("[data-kind]")) {
                    line.hidden = wanted.length > 0 && !wanted.includes(line.dataset.kind);
                }
            };
        }
    }

    // A template takes the place of what is typed where that is nothing, and follows it where there is something.
    document.addEventListener("change", (event) => {
        if (!event.target.matches("[data-inserts]") || !event.target.value) return;
        const field = event.target.form.elements[event.target.dataset.inserts];
        field.value = field.value.trim() ? `${field.value.trimEnd()}\n${event.target.value}` : event.target.value;
        event.target.selectedIndex = 0;
        field.dispatchEvent(new Event("input", { bubbles: true }));
        field.focus();
    });

    // About somebody, beside the item: what is on the page stays as it is.
    document.addEventListener("click", async (event) => {
        const link = event.target.closest("a[data-drawer]");
        const drawer = document.getElementById("desk-drawer");
        if (!link || !drawer || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        const answer = await fetch(link.href, { headers: { "X-Part": "1" } }).catch(() => null);
        if (!answer) return tell(words().unsent);
        if (await refused(answer)) return;
        const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-author]");
        if (!part) return location.assign(link.href);
        drawer.querySelector("[data-drawer-content]").replaceChildren(part);
        link.focus();  // where the focus goes back to
        drawer.showModal();
    });

    // Ahead only once what is on the page is there: on a slow line the two would share it.
    function whenAwake(here) {
        if (item() !== here) return;
        if (shortcuts.asleep) setTimeout(() => whenAwake(here), 100);
        else fetchAhead();
    }

    // How high the decision is, and how much of the window it leaves for the evidence.
    const measured = new ResizeObserver(room);
    function room() {
        const [decision, grid] = [document.querySelector(".desk-decision"), document.querySelector(".desk-grid")];
        if (!decision || !grid) return;
        const above = grid.getBoundingClientRect().top + scrollY;
        const style = document.documentElement.style;
        style.setProperty("--bar", `${decision.offsetHeight}px`);
        style.setProperty("--room", `${Math.floor(innerHeight - above - decision.offsetHeight - 12)}px`);
    }
    addEventListener("resize", room);
    function measure() {
        measured.disconnect();
        for (const part of document.querySelectorAll(".desk-decision, .desk-head, .desk-last, .desk-news")) measured.observe(part);
    }

    // After each item that comes onto the page; desks listen for "desk:opened".
    function opened() {
        measure();
        countdown();
        timelines();
        watch();
        // Opening takes what is free; by a POST, so that no link can.
        if (item()) (item().dataset.free ? renew() : Promise.resolve()).then(look);
        document.dispatchEvent(new CustomEvent("desk:opened", { detail: item() || desk() }));
        whenAwake(item());
    }

    document.addEventListener("submit", (event) => {
        if (!event.target.matches("form[data-bulk]") || !event.submitter || event.defaultPrevented) return;
        event.preventDefault();
        sendInParts(event.target, event.submitter);
    });

    document.addEventListener("DOMContentLoaded", () => {
        timelines();
        if (!desk()) return;
        const all = document.querySelector("[data-tick-all]");
        if (all) {
            all.hidden = false;
            all.addEventListener("click", () => {
                const boxes = [...all.form.querySelectorAll("input[name=item]")];
                const tick = boxes.some((box) => !box.checked);
                boxes.forEach((box) => { box.checked = tick; });
            });
        }
        opened();
    });
})();
