"use strict";

// The table of events: title and description are edited in place.
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
        say(dialog(), "");
        dialog().showModal();
    });

    function say(place, sentence) {
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

    function show(answer) {
        const row = link.closest("tr");
        Object.assign(link.dataset, { title: answer.title, description: answer.description });
        link.parentElement.querySelector("[data-shown]").textContent = answer.shown;
        const named = row.querySelector(".field-title a");
        if (named) named.textContent = answer.title;
        const done = document.getElementById("in-place-done");
        done.hidden = false;
        done.dataset.decision = answer.decision || "";
        done.querySelector("[data-undo]").hidden = !answer.decision;
        say(done, answer.sentence);
    }

    document.addEventListener("submit", async (event) => {
        if (!dialog()?.contains(event.target)) return;
        event.preventDefault();
        const answer = await send({});
        if (!answer.ok) return say(dialog(), answer.sentence);
        dialog().close();
        show(answer);
        link.focus();
    });

    document.addEventListener("click", async (event) => {
        if (event.target.closest("[data-close]")) dialog()?.close();
        if (!event.target.closest("[data-undo]")) return;
        const done = document.getElementById("in-place-done");
        const answer = await send({ undo: done.dataset.decision });
        if (answer.ok) show(answer);
        else say(done, answer.sentence);
    });
})();
