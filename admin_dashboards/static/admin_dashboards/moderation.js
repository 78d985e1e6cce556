"use strict";

// Moderation: veiled pictures, and the buttons of a decision.
(() => {
    const LIFT = () => shortcuts.key("v");

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

    function enableButtons(form) {
        const ticked = form.querySelector("input[name=outcome]:checked") !== null;
        for (const button of form.querySelectorAll("[data-needs-ticked]")) button.disabled = !ticked;
    }

    document.addEventListener("input", (event) => {
        const form = event.target.closest("form[data-decides]");
        if (form) enableButtons(form);
    });
    document.addEventListener("desk:opened", () => document.querySelectorAll("form[data-decides]").forEach(enableButtons));
})();
