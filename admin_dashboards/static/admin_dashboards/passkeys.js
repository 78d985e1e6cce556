"use strict";

// Passkeys: a form asks the server for options, lets the browser make or use a passkey with them, and sends what came
// of it. Sentences for people are attributes of the form.
for (const form of document.querySelectorAll("form[data-passkey]")) {
    const said = form.querySelector("[role=alert]");
    const button = form.querySelector("[type=submit]");

    function say(sentence) {
        said.textContent = sentence;
        said.hidden = !sentence;
    }

    async function options() {
        const body = new FormData(form);
        body.set("begin_passkey", "1");
        const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
        const given = await answer.json();
        if (!answer.ok) throw new Error(given.sentence || form.dataset.failed);
        return given;
    }

    async function credential() {
        const given = await options();
        if (form.dataset.passkey === "create") {
            return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(given) });
        }
        return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(given) });
    }

    function sentence(error) {
        const known = { InvalidStateError: "known", NotAllowedError: "cancelled", SecurityError: "elsewhere" };
        if (error instanceof DOMException) return form.dataset[known[error.name]] || form.dataset.failed;
        // What is no sentence of ours comes of an answer that was no JSON, or none at all.
        return error instanceof TypeError || error instanceof SyntaxError ? form.dataset.failed : error.message;
    }

    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (button.disabled) return;
        say("");
        if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return say(form.dataset.unsupported);
        button.disabled = true;
        try {
            form.elements.passkey.value = JSON.stringify(await credential());
            if (form.elements.password) form.elements.password.disabled = true;
            form.submit();
        } catch (error) {
            button.disabled = false;
            say(sentence(error));
            button.focus();
        }
    });
}
