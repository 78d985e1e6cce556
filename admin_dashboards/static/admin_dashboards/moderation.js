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
