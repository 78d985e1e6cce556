"use strict";

// Moderation: veiled pictures, and what people would read, as the decision is put together.
(() => {
    const LIFT = "v";
    const PAUSE = 250;
    const typing = (element) => element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");

    // --- Pictures are clear while a key is held ----------------------------------------------------------------------

    document.addEventListener("keydown", (event) => {
        if (event.key !== LIFT || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
        document.body.classList.add("is-lifted");
    });
    document.addEventListener("keyup", (event) => {
        if (event.key === LIFT) document.body.classList.remove("is-lifted");
    });
    addEventListener("blur", () => document.body.classList.remove("is-lifted"));

    // --- The decision ------------------------------------------------------------------------------------------------

    const formOf = (element) => element.closest("form[data-previews]");

    function settle(form) {
        const ticked = form.querySelector("input[name=outcome]:checked") !== null;
        for (const button of form.querySelectorAll("[data-needs-ticked]")) button.disabled = !ticked;
    }

    let waiting = 0;
    function changed(form) {
        settle(form);
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
        const answer = await fetch(`${form.dataset.previews}?${asked}`).catch(() => null);
        if (!answer?.ok || turn !== latest || !form.isConnected) return;
        const open = place.querySelector("details")?.open;
        place.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
        if (open) place.querySelector("details").open = true;
    }

    document.addEventListener("change", (event) => {
        const form = formOf(event.target);
        if (form) changed(form);
    });
    document.addEventListener("input", (event) => {
        const form = formOf(event.target);
        if (!form) return;
        // Whoever changes the words means to edit.
        if (["title", "description"].includes(event.target.name)) {
            const box = form.querySelector("input[name=outcome][value=edited]");
            if (box) box.checked = true;
        }
        changed(form);
    });
    document.addEventListener("desk:opened", () => document.querySelectorAll("form[data-previews]").forEach(settle));
})();
