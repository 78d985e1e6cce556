"use strict";

// Moderation: veiled pictures, and what people would read, as the decision is put together.
(() => {
    const LIFT = () => shortcuts.key("v");
    const PAUSE = 250;

    // --- Pictures are clear while a key is held ----------------------------------------------------------------------

    addEventListener("keydown", (event) => {
        if (event.key === LIFT() && shortcuts.hears(event)) document.body.classList.add("is-lifted");
    }, true);
    document.addEventListener("keyup", (event) => {
        if (event.key === LIFT()) document.body.classList.remove("is-lifted");
    });
    addEventListener("blur", () => document.body.classList.remove("is-lifted"));

    // --- The answer to an appeal, as its author will read it ---------------------------------------------------------

    document.addEventListener("input", (event) => {
        const form = event.target.closest("form[data-mirrored]");
        if (!form || event.target.name !== "text") return;
        for (const place of form.querySelectorAll("[data-mirror]")) place.textContent = event.target.value.trim();
    });

    // --- The decision ------------------------------------------------------------------------------------------------

    const formOf = (element) => element.closest("form[data-previews]");

    function enableButtons(form) {
        const ticked = form.querySelector("input[name=outcome]:checked") !== null;
        for (const button of form.querySelectorAll("[data-needs-ticked]")) button.disabled = !ticked;
    }

    let waiting = 0;
    function changed(form) {
        enableButtons(form);
        clearTimeout(waiting);
        waiting = setTimeout(() => show(form), PAUSE);
    }

    let latest = 0;
    async function show(form) {
        const place = form.querySelector("[data-preview-place]");
        const asked = new URLSearchParams();
        for (const box of form.querySelectorAll("input[name=outcome]:checked")) asked.append("outcome", box.value);
        for (const name of ["text", "days"]) asked.set(name, form.elements[name]?.value || "");
        const turn = ++latest;
        const headers = { Accept: "application/json" };
        const answer = await fetch(`${form.dataset.previews}?${asked}`, { headers }).catch(() => null);
        const text = answer?.ok ? await answer.text().catch(() => null) : null;
        if (turn !== latest || !form.isConnected) return;
        if (text === null) place.textContent = form.dataset.failed;
        else place.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    }

    document.addEventListener("change", (event) => {
        const form = formOf(event.target);
        if (form) changed(form);
    });
    document.addEventListener("input", (event) => {
        const form = formOf(event.target);
        if (form) changed(form);
    });
    document.addEventListener("desk:opened", () => document.querySelectorAll("form[data-previews]").forEach(enableButtons));
})();

// Events: title and description are put right where they stand.
(() => {
    const dialog = () => document.getElementById("in-place");
    let link = null;

    document.addEventListener("click", (event) => {
        const wanted = event.target.closest("a[data-text-address]");
        if (!wanted || !dialog() || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        link = wanted;
        const form = dialog().querySelector("form");
        form.elements.title.value = link.dataset.title;
        form.elements.description.value = link.dataset.description;
        form.elements.reason.value = "";
        tell(dialog(), "");
        dialog().showModal();
    });

    function tell(place, sentence) {
        const said = place.querySelector("[data-said]");
        said.textContent = sentence;
        if (place === dialog()) said.hidden = !sentence;
    }

    async function send(extra) {
        const body = new FormData(dialog().querySelector("form"));
        body.set("was_title", link.dataset.title);
        body.set("was_description", link.dataset.description);
        for (const [name, value] of Object.entries(extra)) body.set(name, value);
        let answer;
        try {
            answer = await fetch(link.dataset.textAddress, { method: "POST", body, headers: { Accept: "application/json" } });
            return { ok: answer.ok, ...(await answer.json()) };
        } catch {
            return { ok: false, sentence: dialog().dataset.conflict };
        }
    }

    function show(words) {
        const row = link.closest("tr");
        Object.assign(link.dataset, { title: words.title, description: words.description });
        link.parentElement.querySelector("[data-shown]").textContent = words.shown;
        const named = row.querySelector(".field-title a");
        if (named) named.textContent = words.title;
        const done = document.getElementById("in-place-done");
        done.hidden = false;
        done.dataset.decision = words.decision || "";
        done.querySelector("[data-undo]").hidden = !words.decision;
        tell(done, words.sentence);
    }

    document.addEventListener("submit", async (event) => {
        if (!dialog()?.contains(event.target)) return;
        event.preventDefault();
        const words = await send({});
        if (!words.ok) return tell(dialog(), words.sentence);
        dialog().close();
        show(words);
        link.focus();
    });

    document.addEventListener("click", async (event) => {
        if (event.target.closest("[data-close]")) dialog()?.close();
        if (!event.target.closest("[data-undo]")) return;
        const done = document.getElementById("in-place-done");
        const words = await send({ undo: done.dataset.decision });
        if (words.ok) show(words);
        else tell(done, words.sentence);
    });
})();
