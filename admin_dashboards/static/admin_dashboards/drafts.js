"use strict";

// What the viewer typed into a form that was not taken, because they were signed out or the form was out of date. It is
// kept in this tab until they are back, shown to the same person alone, and gone with their sign-out or the tab.
const drafts = (() => {
    const PLACE = "infloo-draft";
    const LASTS = 12 * 60 * 60 * 1000;
    const SECRET = "input[type=password], input[autocomplete=one-time-code]";
    const TYPED = "textarea, select, input:not([type=hidden], [type=password], [type=file], [type=submit], [type=button])";
    const person = () => document.querySelector("[data-person]")?.dataset.person;
    const texts = () => document.querySelector("[data-draft-texts]")?.dataset;

    function read() {
        try {
            const draft = JSON.parse(sessionStorage.getItem(PLACE));
            return draft && Date.now() - draft.at < LASTS ? draft : null;
        } catch {
            return null;
        }
    }

    function write(draft) {
        try {
            if (draft) sessionStorage.setItem(PLACE, JSON.stringify(draft));
            else sessionStorage.removeItem(PLACE);
        } catch {
            // No room, or none allowed: then nothing is kept.
        }
    }

    const forms = () => [...document.querySelectorAll("form")].filter((form) => form.method === "post" && !form.querySelector(SECRET));
    const nameOf = (form) => form.id || new URL(form.getAttribute("action") || "", location.href).pathname;
    const fieldsOf = (form) => [...form.elements].filter((one) => one.name && one.matches(TYPED));

    function labelOf(field) {
        const label = field.closest("fieldset")?.querySelector("legend") || field.labels?.[0];
        const copy = label?.cloneNode(true);
        copy?.querySelectorAll("input, select, textarea, kbd, .material-symbols-outlined").forEach((one) => one.remove());
        return (copy?.textContent || field.getAttribute("aria-label") || field.name).trim().replace(/\s+/g, " ").replace(/[:*]+$/, "");
    }

    function changed(field) {
        if (field.matches("select[multiple]")) return [...field.options].some((one) => one.selected !== one.defaultSelected);
        // Where none is chosen in the page's text, it is the first.
        if (field.matches("select")) return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
        if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
        return field.value !== field.defaultValue;
    }

    // What was changed on this page. `lost`: it is known not to have been taken.
    function keep(lost) {
        if (!person()) return;
        const fields = [];
        for (const form of forms()) {
            fieldsOf(form).forEach((field, number) => {
                if (!changed(field)) return;
                const ticks = field.matches("[type=checkbox], [type=radio]");
                const value = ticks ? field.checked : field.multiple ? [...field.selectedOptions].map((one) => one.value) : field.value;
                fields.push({ form: nameOf(form), name: field.name, label: labelOf(field), number, value });
            });
        }
        const page = location.pathname + location.search;
        write(fields.length ? { person: person(), page, title: document.title.split(" | ")[0].trim(), at: Date.now(), lost, fields } : null);
    }

    // --- Left before it was sent: per form, until one is back at it ----------------------------------------------------

    const ASIDE = "infloo-aside";
    const MOST = 20;

    function allAside() {
        try {
            const kept = JSON.parse(sessionStorage.getItem(ASIDE));
            return kept?.person === person() ? kept.forms.filter((one) => Date.now() - one.at < LASTS) : [];
        } catch {
            return [];
        }
    }

    function writeAside(kept) {
        try {
            if (kept.length && person()) sessionStorage.setItem(ASIDE, JSON.stringify({ person: person(), forms: kept.slice(-MOST) }));
            else sessionStorage.removeItem(ASIDE);
        } catch {
            // As above.
        }
    }

    // `fields` as the caller wants them back; none to forget them.
    function putAside(form, fields) {
        const others = allAside().filter((one) => one.form !== form);
        writeAside(fields.length ? [...others, { form, fields, at: Date.now() }] : others);
    }

    const aside = (form) => allAside().find((one) => one.form === form)?.fields || [];

    function restore(draft) {
        let restored = 0;
        for (const kept of draft.fields) {
            const form = forms().find((one) => nameOf(one) === kept.form);
            const field = form && (fieldsOf(form)[kept.number]?.name === kept.name ? fieldsOf(form)[kept.number] : fieldsOf(form).find((one) => one.name === kept.name));
            if (!field || field.disabled) continue;
            if (typeof kept.value === "boolean") field.checked = kept.value;
            else if (Array.isArray(kept.value)) [...field.options].forEach((one) => { one.selected = kept.value.includes(one.value); });
            else field.value = kept.value;
            for (let box = field.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
            field.dispatchEvent(new Event("input", { bubbles: true }));
            field.dispatchEvent(new Event("change", { bubbles: true }));
            restored += 1;
        }
        return restored;
    }

    // Before the sign-in only which fields they were: anyone may stand before the screen by now.
    const said = (draft) => `“${[...new Set(draft.fields.map((one) => one.label))].slice(0, 5).join("”, “")}”`;

    function say(sentence, draft) {
        const place = document.querySelector("[data-draft]");
        if (!place) return;
        const [before, after] = sentence.split("%s");
        place.replaceChildren(before);
        if (after !== undefined) {
            const named = document.createElement(person() ? "a" : "strong");
            if (person()) named.href = draft.page;
            named.textContent = person() ? `“${draft.title}”` : said(draft);
            place.append(named, after);
        }
        place.hidden = false;
    }

    function arrive() {
        if (person()) writeAside(allAside());
        const draft = read();
        if (!draft) return write(null);
        if (!person()) {
            // The sign-in, or the page that says that a form was out of date.
            write({ ...draft, lost: true });
            document.querySelector("[data-draft-back]")?.setAttribute("href", draft.page);
            if (texts()) say(texts().kept, draft);
            return;
        }
        if (draft.person !== person() || !draft.lost) return write(null);
        if (draft.page !== location.pathname + location.search) return say(texts().elsewhere, draft);
        write(null);
        say(restore(draft) ? texts().restored : texts().noPlace, draft);
    }

    // After every other script had its say: what those send without a page load they answer for themselves.
    addEventListener("submit", (event) => {
        if (event.target.matches("[action$='/logout/']")) {
            write(null);
            writeAside([]);
        } else if (!event.defaultPrevented && event.target.method === "post" && !event.target.querySelector(SECRET)) keep(false);
    });
    document.addEventListener("DOMContentLoaded", arrive);

    return { keep: () => keep(true), forget: () => write(null), person, changed, putAside, aside };
})();
