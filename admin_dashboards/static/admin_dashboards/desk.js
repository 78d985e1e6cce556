"use strict";

// A desk: items follow each other without a page load, the next one's picture is fetched ahead, and an open item
// follows what colleagues do to it. Keys are in shortcuts.js.
(() => {
    const CHECK_EVERY = 2000;
    const RENEW_EVERY = 5 * 60 * 1000;
    const CLAIM_AGAIN = 5 * 1000;
    const ANSWERS_WITHIN = 20 * 1000;
    const desk = () => document.querySelector("[data-desk]");
    const work = () => document.getElementById("desk-work");
    const item = () => document.querySelector("[data-item]");
    const texts = () => document.getElementById("desk-keys").dataset;

    // --- What is sent, and why it was not taken ------------------------------------------------------------------------

    function textOf(element) {
        const copy = element?.cloneNode(true);
        copy?.querySelectorAll(".material-symbols-outlined, button").forEach((one) => one.remove());
        return copy?.textContent.trim() || "";
    }

    function whyNot(answer, page) {
        const said = textOf(page?.querySelector(".error-page h2 + p, .desk-news[role=alert]"));
        return said || (answer.status >= 500 ? texts().failed : texts().rejected.replace("%s", answer.status));
    }

    // --- The next item without a page load: sent and swapped by htmx --------------------------------------------------

    const isPart = (event) => event.detail.target === work();

    let givesUp = 0;
    function whileSent(isSent) {
        clearTimeout(givesUp);
        if (isSent) givesUp = setTimeout(() => htmx.trigger(work(), "htmx:abort"), ANSWERS_WITHIN);
        shortcuts.busy = isSent;
        work().setAttribute("aria-busy", isSent);
    }

    document.addEventListener("htmx:beforeRequest", (event) => { if (isPart(event)) whileSent(true); });
    document.addEventListener("htmx:afterRequest", (event) => { if (isPart(event)) whileSent(false); });
    document.addEventListener("htmx:sendError", (event) => { if (isPart(event) || isDrawer(event)) say(texts().unsent); });
    document.addEventListener("htmx:sendAbort", (event) => { if (isPart(event)) say(texts().late); });

    let leaving = null;
    document.addEventListener("htmx:beforeSwap", (event) => {
        if (!isPart(event)) return;
        const { detail } = event;
        const { xhr } = detail;
        const sent = detail.requestConfig.elt;
        detail.shouldSwap = xhr.getResponseHeader("X-Part") === "1";
        detail.isError = false;
        if (detail.shouldSwap) leaving = { before: item(), sent, isTaken: xhr.status < 400, scrolled: item().querySelector(".desk-details")?.scrollTop };
        else notAnItem(answerOf(xhr), xhr.responseURL, sent);
    });

    function answerOf(xhr) {
        return new Response(xhr.responseText, { status: xhr.status, headers: { "Content-Type": xhr.getResponseHeader("Content-Type") } });
    }

    // The desk itself or the sign-in, or why it was not taken.
    async function notAnItem(answer, address, sent) {
        if (await refused(answer)) return;
        if (!answer.ok) return say(whyNot(answer, new DOMParser().parseFromString(await answer.text(), "text/html")));
        if (sent === decisionOf(item())) taken(sent);
        location.assign(address);
    }

    // Settled at once, so what is filled in below is heard by what came, and no picture has been requested yet.
    document.addEventListener("htmx:afterSettle", (event) => { if (isPart(event)) arrived(item(), leaving); });

    function arrived(part, { before, sent, isTaken, scrolled }) {
        const moved = part.dataset.item !== before.dataset.item;
        if (before.classList.contains("is-over")) drafts.keep();
        if (moved && sent === decisionOf(before)) taken(sent);
        else if (moved) putAside(before);
        const again = moved && sent.matches(".desk-last") && decisionOf(part);
        if (again && placeOfForm(again) === decidedWith?.place) drafts.putAside(decidedWith.place, decidedWith.typed);
        if (moved) useFetched(part);
        const filled = moved ? [] : keep(part, before, sent, isTaken);
        const decided = (root) => root.querySelector(".desk-last [name=decision]")?.value;
        const isNew = decided(part) !== decided(before);
        if (moved) scrollTo(0, 0);
        else if (scrolled) part.querySelector(".desk-details").scrollTop = scrolled;
        opened(moved);
        follow(filled);
        part.querySelector("[data-part-heading]").focus({ preventScroll: true });
        const said = [...part.querySelectorAll("[data-news]:not([hidden]), [data-announce]")];
        announce(said.filter((one) => !one.closest(isNew ? ".is-earlier" : ".desk-last")).map(textOf).join(" "));
    }

    // Outside what is replaced: screen readers do not read what comes with a new part of the page.
    function announce(sentence) {
        const place = document.querySelector("[data-announced]");
        place.textContent = "";
        if (sentence) setTimeout(() => { place.textContent = sentence; }, 100);
    }

    // The same item again: what is shown of it stays as it is, zoom and page included, and so does what is typed into
    // forms other than the one that was sent. The fields that were filled in.
    function keep(part, before, sent, isTaken) {
        const [viewer, another] = [before.querySelector("[data-viewer]"), part.querySelector("[data-viewer]")];
        if (viewer && another) another.replaceWith(viewer);
        return [...before.querySelectorAll("form[hx-post]")].flatMap((form) => {
            const alike = [...part.querySelectorAll("form[hx-post]")].filter((one) => one.getAttribute("action") === form.getAttribute("action"));
            if (alike.length !== 1) return [];
            // What came back unsaved shows what was typed as if it had been there from the beginning.
            if (form === sent ? !isTaken : form.matches("[data-unsaved]")) alike[0].dataset.unsaved = "";
            return form === sent ? [] : keepTyped(form, alike[0]);
        });
    }

    const TYPED = "textarea, select:not([data-inserts]), input:not([type=hidden], [type=submit], [type=button])";
    const isTick = (field) => field.matches("[type=checkbox], [type=radio]");
    const isWritten = (field) => !isTick(field) && !field.matches("select");

    // What was typed and chosen in a form. A text that its owner may change meanwhile goes with what it was typed
    // against, its `was_` field.
    function typedIn(form) {
        const was = (field) => form.elements[`was_${field.name}`]?.value;
        const changed = (field) => (was(field) === undefined ? form.matches("[data-unsaved]") || drafts.changed(field) : field.value !== was(field));
        const fields = [...form.elements].filter((field) => field.name && !field.name.startsWith("was_") && field.matches(TYPED));
        return fields.filter(changed).map((field) => ({ name: field.name, value: field.value, checked: isTick(field) && field.checked, was: was(field) }));
    }

    function fillIn(form, typed) {
        const filled = [];
        for (const { name, value, checked, was } of typed) {
            const field = [...form.elements].find((one) => one.name === name && one.matches(TYPED) && (!isTick(one) || one.value === value));
            if (!field) continue;
            if (isTick(field) ? field.checked !== checked : field.value !== value) filled.push(field);
            if (isTick(field)) field.checked = checked;
            else field.value = value;
            if (was !== undefined) form.elements[`was_${name}`].value = was;
        }
        return filled;
    }

    function keepTyped(form, alike) {
        const typed = typedIn(form);
        const filled = fillIn(alike, typed);
        // A form that shows what is saved is kept with the version that it was typed on, so that nothing is overwritten.
        const seen = form.querySelector("[data-seen]");
        if (seen && typed.length) alike.querySelector("[data-seen]").value = seen.value;
        const box = alike.closest("details");
        if (box && form.closest("details").open) box.open = true;
        return filled;
    }

    // Previews are asked for anew.
    const follow = (fields) => fields.forEach((field) => field.dispatchEvent(new Event("input", { bubbles: true })));

    // --- Left before it was decided ----------------------------------------------------------------------------------

    const decisionOf = (here) => here?.querySelector(".desk-decision form[hx-post]");
    const placeOfForm = (form) => form.getAttribute("action").split("?")[0];

    function putAside(here) {
        const form = decisionOf(here);
        if (form && !form.dataset.taken) drafts.putAside(placeOfForm(form), typedIn(form));
    }

    // What was written for the last decision: undone, it is there again. What was chosen is not, so that no single key
    // decides the same once more.
    let decidedWith = null;

    function taken(form) {
        decidedWith = { place: placeOfForm(form), typed: typedIn(form).filter(({ name }) => isWritten(form.querySelector(`[name="${name}"]`))) };
        form.dataset.taken = "1";
        drafts.putAside(placeOfForm(form), []);
    }

    function comeBack() {
        const form = decisionOf(item());
        if (!form) return;
        const filled = fillIn(form, drafts.aside(placeOfForm(form)));
        if (!filled.length) return;
        if (form.closest("details")) form.closest("details").open = true;
        follow(filled);
        say(texts().restored);
    }

    addEventListener("pagehide", () => putAside(item()));

    // --- The next item's pictures, fetched ahead ---------------------------------------------------------------------

    // From the address at which a picture is asked for again, or its own, to its content.
    const fetched = new Map();
    let [shown, ahead] = [[], Promise.resolve()];
    const placeOf = (image) => image.dataset.again || image.getAttribute("src");
    async function fetchAhead() {
        const here = item();
        if (!here?.dataset.ahead || !here.dataset.open) return;
        // By the last header the console knows that no one views it yet.
        const options = { headers: { "X-Part": "1", "X-Poll": "1", "X-Ahead": "1" } };
        const answer = await fetch(here.dataset.ahead, options).catch(() => null);
        if (item() !== here || !answer?.ok || answer.status === 204) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const images = [...page.querySelectorAll(".desk-evidence img:not([loading=lazy])[src]")];
        const wanted = new Set(images.map(placeOf));
        for (const [place, content] of fetched) {
            if (wanted.has(place)) continue;
            URL.revokeObjectURL(content);
            fetched.delete(place);
        }
        for (const image of images) {
            if (fetched.has(placeOf(image))) continue;
            const got = await fetch(image.getAttribute("src"), options).catch(() => null);
            const content = got?.ok && (await got.blob().catch(() => null));
            if (content) fetched.set(placeOf(image), URL.createObjectURL(content));
            if (item() !== here) return;
        }
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
        fetched.clear();
    }

    document.addEventListener("desk:asleep", () => say(texts().loading));

    function say(sentence) {
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
            say(said.sentence);
        } else say(said.elsewhere || said.sentence);
        return said;
    }

    let out = false;
    function signedOut(said) {
        stop();
        drafts.keep();
        if (out) return;
        out = true;
        say(`${said.sentence} `);
        document.querySelector("[data-news]").classList.add("is-out");
        const here = encodeURIComponent(location.pathname + location.search);
        document.querySelector("[data-news]").append(Object.assign(document.createElement("a"), { href: `${said.sign_in}?next=${here}`, textContent: said.sign_in_title, className: "link" }));
    }

    addEventListener("pagehide", () => { if (out || item()?.classList.contains("is-over")) drafts.keep(); });

    // Back in this tab, perhaps signed in again in another.
    document.addEventListener("visibilitychange", () => { if (out && !document.hidden) item() ? check() : refresher() && htmx.trigger(refresher(), "desk:refresh"); });

    function isIn() {
        if (!out) return;
        out = false;
        drafts.forget();
        document.querySelector("[data-news]")?.classList.remove("is-out");
        say("");
        watch();
    }

    // --- What becomes of the open item -------------------------------------------------------------------------------

    let checking = 0;
    let renewing = 0;
    async function check() {
        const here = item();
        if (!here || document.hidden) return;
        // As it is when asked: claiming and moving on change it meanwhile, and their own answer says how.
        const { claimed } = here.dataset;
        let state;
        try {
            const answer = await fetch(here.dataset.item, { headers: { Accept: "application/json", "X-Poll": "1" } });
            if (!answer.ok) return void (await refused(answer));
            state = await answer.json();
        } catch {
            return;
        }
        if (item() !== here || shortcuts.busy) return;
        isIn();
        const others = here.querySelector("[data-others]");
        const said = state.others.length ? texts().others.replace("%s", state.others.join(", ")) : "";
        if (others.textContent !== said) others.textContent = said;
        if (Boolean(here.dataset.open) && !state.open) return over(here, state.sentence);
        if (String(state.version) !== here.dataset.version) return over(here, texts().changed);
        if (claimed && !state.claimed_by_me) {
            return over(here, state.holder ? texts().taken.replace("%s", state.holder) : texts().lost);
        }
        if (!here.dataset.claimed && state.open && state.holder !== here.dataset.holder) {
            here.dataset.holder = state.holder;
            say(state.holder ? texts().claimed.replace("%s", state.holder) : texts().free);
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
        say(`${sentence} `);
        const again = Object.assign(document.createElement("button"), { type: "button", className: "desk-small-button", textContent: texts().reload });
        again.addEventListener("click", () => location.reload());
        document.querySelector("[data-news]").append(again);
    }

    async function renew() {
        const here = item();
        const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
        if (!(here?.dataset.claimed || here?.dataset.free) || !token) return;
        const body = new FormData();
        body.set("action", "renew");
        body.set("csrfmiddlewaretoken", token);
        const answer = await fetch(here.dataset.action, { method: "POST", body, headers: { "X-Poll": "1" } }).catch(() => null);
        if ((answer && (await refused(answer))) || !here.dataset.free || item() !== here) return;
        if (!answer || answer.status >= 500) {
            // Shown as what can be decided, but not claimed yet: the page says so.
            here.dataset.unclaimed = "1";
            say(texts().unclaimed);
            setTimeout(renew, CLAIM_AGAIN);
            return;
        }
        delete here.dataset.free;
        if (here.dataset.unclaimed) say("");
        delete here.dataset.unclaimed;
        if (answer.ok) here.dataset.claimed = "1";
        else if (answer.status === 409) await asItIs(here, (await answer.json()).sentence);
        else say(whyNot(answer));
    }

    // A colleague was quicker while it opened: shown as theirs, with the way to take it over; what is typed already stays.
    function asItIs(here, sentence) {
        const fields = [...here.querySelectorAll("textarea, input[type=text], input:not([type])")];
        if (!fields.every((one) => one.value === one.defaultValue)) return over(here, sentence);
        return htmx.ajax("GET", location.href, { source: work(), target: work() }).catch(() => over(here, sentence));
    }

    function stop() {
        clearInterval(checking);
        clearInterval(renewing);
    }

    function watch() {
        stop();
        if (!item()) return;
        checking = setInterval(check, CHECK_EVERY);
        renewing = setInterval(renew, RENEW_EVERY);
    }

    // The desk page keeps itself up to date, unless the viewer is choosing on it.
    const refresher = () => document.querySelector("[data-refresh]");
    const isRefresh = (event) => event.detail.requestConfig?.elt === refresher();
    document.addEventListener("htmx:beforeRequest", (event) => {
        if (isRefresh(event) && (document.hidden || (out && !event.detail.requestConfig.triggeringEvent))) event.preventDefault();
    });
    document.addEventListener("htmx:beforeSwap", (event) => {
        if (!isRefresh(event)) return;
        const { xhr } = event.detail;
        if (xhr.status >= 400) refused(answerOf(xhr));
        else if (event.detail.pathInfo.responsePath !== location.pathname + location.search) event.detail.shouldSwap = false;
        else isIn();
    });
    document.addEventListener("htmx:oobBeforeSwap", ({ detail, target }) => {
        if (target.querySelector("input:checked") || target.contains(document.activeElement)) detail.shouldSwap = false;
    });

    // Many at once, ten by ten, so that one sees how far it is and what came of each.
    const AT_ONCE = 10;
    async function sendInParts(form, button) {
        const sheet = texts();
        const { dataset } = form;
        const items = [...form.querySelectorAll("input[name=item]")].map((one) => one.value);
        const progress = form.querySelector("progress");
        const progressText = form.querySelector("[data-bulk-said]");
        button.disabled = true;
        progress.hidden = false;
        progress.max = items.length;
        let undo = null;
        for (let sent = 0; sent < items.length; sent += AT_ONCE) {
            let page;
            let why = "";
            try {
                const body = new FormData(form, button);
                body.set(button.name, button.value);
                body.delete("item");
                items.slice(sent, sent + AT_ONCE).forEach((number) => body.append("item", number));
                const address = form.getAttribute("action") || location.href;
                const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(ANSWERS_WITHIN) });
                const said = await refused(answer);
                page = new DOMParser().parseFromString(said ? "" : await answer.text(), "text/html");
                if (!answer.ok) why = said?.sentence || whyNot(answer, page);
            } catch (error) {
                why = error.name === "TimeoutError" ? sheet.late : dataset.stopped.replace("%s", sent).replace("%t", items.length);
            }
            if (why) {
                progressText.textContent = why;
                button.disabled = false;
                items.slice(0, sent).forEach((number) => form.querySelector(`input[name=item][value="${number}"]`).remove());
                return;
            }
            undo = page.querySelector("[data-bulk-undo]") || undo;
            for (const line of page.querySelectorAll("[data-bulk-line]")) {
                line.dataset.done = "1";
                document.querySelector(`[data-bulk-line="${line.dataset.bulkLine}"]`)?.replaceWith(line);
            }
            progress.value = Math.min(sent + AT_ONCE, items.length);
            progressText.textContent = dataset.sent.replace("%s", progress.value).replace("%t", items.length);
            if (progress.value === items.length) {
                // Those that the preview left out are skipped, too, and never were among the items.
                const [done, left] = ["[data-done]:not(.is-skipped)", ".is-skipped"].map((each) => document.querySelectorAll(`[data-bulk-line]${each}`).length);
                document.querySelector(".desk-lead").textContent = dataset.done.replace("%s", done).replace("%t", left);
                if (undo) form.replaceWith(undo);
                else form.remove();
            }
        }
    }

    function countdown() {
        for (const form of document.querySelectorAll("[data-sent-at]")) {
            const said = form.querySelector("[data-countdown]");
            const { sendsIn, sentNow } = texts();
            let waits = false;
            const tick = () => {
                const left = Math.ceil(Number(form.dataset.sentAt) - Date.now() / 1000);
                said.textContent = left > 0 ? sendsIn.replace("%s", left) : sentNow;
                if (left <= 0 && waits) announce(sentNow);
                waits = left > 0 && form.isConnected;
                if (waits) setTimeout(tick, 1000);
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

    // About the author, beside the item: what is on the page stays as it is.
    const drawer = () => document.getElementById("desk-drawer");
    const isDrawer = (event) => event.detail.target.matches?.("[data-drawer-content]");
    document.addEventListener("htmx:beforeSwap", (event) => {
        if (!isDrawer(event)) return;
        const { detail } = event;
        const { xhr } = detail;
        // Left meanwhile, or asked for twice.
        detail.shouldSwap = xhr.status < 400 && detail.requestConfig.elt.isConnected && !drawer().open;
        if (xhr.status >= 400) notAnItem(answerOf(xhr));
    });
    document.addEventListener("htmx:afterSwap", (event) => {
        if (!isDrawer(event)) return;
        event.detail.requestConfig.elt.focus();  // where the focus goes back to
        drawer().showModal();
    });

    // Ahead only once what is on the page is there: on a slow line the two would share it.
    function whenAwake(here) {
        if (item() !== here) return;
        if (shortcuts.asleep) setTimeout(() => whenAwake(here), 100);
        else ahead = ahead.then(fetchAhead, fetchAhead);  // one after the other: drawn again, it finds what was fetched
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
    function opened(moved) {
        measure();
        countdown();
        timelines();
        watch();
        // Opening takes what is free; by a POST, so that no link can.
        if (item()) (item().dataset.free ? renew() : Promise.resolve()).then(check);
        document.dispatchEvent(new CustomEvent("desk:opened", { detail: item() || desk() }));
        if (moved) comeBack();
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
        opened(true);
    });
})();
