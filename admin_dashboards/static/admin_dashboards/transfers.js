"use strict";

// Imports and exports: a file that is too large is named before it is sent; the page of a running one says when the
// server does not answer.
{
    function checkSize(input) {
        const warning = document.getElementById(input.dataset.warning);
        const check = () => {
            const tooLarge = [...input.files].some((file) => file.size > Number(input.dataset.maxBytes));
            const sentence = tooLarge ? input.dataset.tooLarge : "";
            input.setCustomValidity(sentence);
            warning.textContent = sentence;
            warning.hidden = !tooLarge;
        };
        input.addEventListener("change", check);
        check();
    }

    // One press sends once; the button shows that it is being sent.
    function sendOnce(form) {
        const button = form.querySelector("[type=submit]");
        const text = button.textContent;
        form.addEventListener("submit", (event) => {
            if (form.getAttribute("aria-busy") === "true") { event.preventDefault(); return; }
            form.setAttribute("aria-busy", "true");
            button.textContent = form.dataset.sending;
        });
        window.addEventListener("pageshow", () => { form.removeAttribute("aria-busy"); button.textContent = text; });
    }

    // htmx polls each second; the longer the server does not answer, the more polls are left out.
    function follow(panel) {
        const lost = panel.querySelector("[data-lost]");
        let wait = 0;
        let next = 0;
        panel.addEventListener("htmx:beforeRequest", (event) => { if (Date.now() < next) event.preventDefault(); });
        panel.addEventListener("htmx:afterRequest", (event) => {
            const { status } = event.detail.xhr;
            const unanswered = !status || status >= 500;
            // Signed out, no longer allowed, or gone: the page itself says which.
            if (!unanswered && status >= 400) location.reload();
            wait = unanswered ? Math.min(2 * wait || 2000, 30000) : 0;
            next = Date.now() + wait;
            lost.hidden = !unanswered;
        });
    }

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("input[data-max-bytes]").forEach(checkSize);
        document.querySelectorAll("form[data-sending]").forEach(sendOnce);
        document.querySelectorAll("[data-follow]").forEach(follow);
    });
}
