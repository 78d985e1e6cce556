"use strict";

// Imports and exports: a file that is too large is named before it is sent, and a page shows how far the worker is.
{
    const POLL_EVERY = 1000;

    function checkSize(input) {
        const said = document.getElementById(input.dataset.said);
        const check = () => {
            const tooLarge = [...input.files].some((file) => file.size > Number(input.dataset.maxBytes));
            const sentence = tooLarge ? input.dataset.tooLarge : "";
            input.setCustomValidity(sentence);
            said.textContent = sentence;
            said.hidden = !tooLarge;
        };
        input.addEventListener("change", check);
        check();
    }

    // One press sends once; the button says that it is being sent.
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

    function follow(panel) {
        const bar = panel.querySelector("progress");
        const figures = panel.querySelector("[data-figures]");
        const lost = panel.querySelector("[data-lost]");
        let wait = POLL_EVERY;
        panel.querySelector("[data-without-script]").hidden = true;

        const show = (state) => {
            figures.textContent = state.sentence;
            if (state.total) {
                bar.max = state.total;
                bar.value = state.done;
            }
        };
        const ask = async () => {
            let answer = null;
            try {
                answer = await fetch(location.href, { headers: { Accept: "application/json", "X-Poll": "1" } });
                if (answer.ok) {
                    const state = await answer.json();
                    if (state.status !== panel.dataset.transfer && !(state.at_work && panel.dataset.transfer === "queued")) {
                        location.reload();
                        return;
                    }
                    panel.dataset.transfer = state.status;
                    show(state);
                }
            } catch {
                answer = null;
            }
            if (answer && answer.status < 500 && !answer.ok) {
                // Signed out, no longer theirs, or gone: the page itself says which.
                location.reload();
                return;
            }
            lost.hidden = Boolean(answer?.ok);
            wait = answer?.ok ? POLL_EVERY : Math.min(wait * 2, 30000);
            setTimeout(ask, wait);
        };
        setTimeout(ask, wait);
    }

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("input[data-max-bytes]").forEach(checkSize);
        document.querySelectorAll("form[data-sending]").forEach(sendOnce);
        document.querySelectorAll("[data-transfer]").forEach(follow);
    });
}
