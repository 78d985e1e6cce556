"use strict";

// Passkeys: a form asks for options, lets the browser make or use a passkey with them, and sends what came of it.
// Sentences for people are attributes of the form.
for (const form of document.querySelectorAll("form[data-passkey]")) {
    const said = form.querySelector("[role=alert]");
    const button = form.querySelector("[type=submit]");
    const SENTENCES = { InvalidStateError: "known", NotAllowedError: "cancelled", SecurityError: "elsewhere" };

    function say(sentence) {
        said.textContent = sentence;
        said.hidden = !sentence;
    }

    async function sign() {
        const body = new FormData(form);
        body.set("begin_passkey", "1");
        const answer = await fetch(location.href, { method: "POST", body, headers: { Accept: "application/json" } });
        const options = await answer.json();
        if (!answer.ok) return say(options.sentence);
        const credential = form.dataset.passkey === "create"
            ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
            : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
        form.elements.passkey.value = JSON.stringify(credential);
        if (form.elements.password) form.elements.password.disabled = true;
        form.submit();
    }

    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return say(form.dataset.unsupported);
        if (button.disabled) return;
        say("");
        button.disabled = true;
        await sign().catch((error) => say(form.dataset[SENTENCES[error.name]] || form.dataset.failed));
        button.disabled = false;
    });
}
