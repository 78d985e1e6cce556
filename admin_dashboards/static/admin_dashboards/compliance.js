"use strict";

// The document viewer: one page at a time, zoomed, turned, beside another picture.
(() => {
    const STEPS = [0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
    const MOST_ZOOM = 8;
    let view = null;

    function open(root) {
        const viewer = root.querySelector("[data-viewer]");
        if (!viewer?.classList.contains("is-live")) view = viewer ? show(viewer) : null;
    }

    function show(viewer) {
        const pages = [...viewer.querySelectorAll("[data-viewer-page]")];
        const panes = [...viewer.querySelectorAll("[data-viewer-pane]")];
        const other = viewer.querySelector("[data-viewer-other]");
        const choices = [...viewer.querySelectorAll("[data-compare]")];
        const place = viewer.querySelector("[data-viewer-place]");
        const state = { page: 0, zoom: 1, turned: 0, compared: -1 };
        viewer.querySelector("[data-viewer-tools]").hidden = false;
        viewer.classList.add("is-live");

        function draw() {
            pages.forEach((page, number) => { page.hidden = number !== state.page; });
            place.textContent = place.dataset.text.replace("%1", state.page + 1).replace("%2", pages.length);
            viewer.querySelectorAll("[data-viewer-do=previous], [data-viewer-do=next]").forEach((button) => {
                button.disabled = pages.length < 2;
            });
            panes.forEach((pane) => pane.querySelectorAll(".viewer-sheet:not([hidden])").forEach((sheet) => fit(pane, sheet)));
        }

        // How much smaller than it was drawn a picture is: as a whole, and as wide as there is room.
        function scales(pane, image) {
            const sideways = state.turned % 180 !== 0;
            const [width, height] = sideways
                ? [image.naturalHeight, image.naturalWidth]
                : [image.naturalWidth, image.naturalHeight];
            const wide = pane.clientWidth / width;
            return { width, height, wide, whole: Math.min(wide, pane.clientHeight / height) };
        }

        function fit(pane, sheet) {
            const image = sheet.querySelector("img");
            if (!image.naturalWidth) return;
            const { width, height, wide, whole } = scales(pane, image);
            const scale = state.zoom === "width" ? wide : whole * state.zoom;
            Object.assign(sheet.style, { width: `${width * scale}px`, height: `${height * scale}px` });
            Object.assign(image.style, {
                width: `${image.naturalWidth * scale}px`,
                height: `${image.naturalHeight * scale}px`,
                transform: `translate(-50%, -50%) rotate(${state.turned}deg)`,
            });
        }

        async function compare(number) {
            state.compared = number;
            choices.forEach((choice, place) => choice.setAttribute("aria-pressed", place === number));
            other.hidden = number < 0;
            if (number < 0) return draw();
            const image = other.querySelector("img");
            const missing = other.querySelector(".viewer-missing");
            missing.hidden = true;
            image.removeAttribute("src");
            image.alt = choices[number].textContent;
            draw();
            const answer = await fetch(choices[number].dataset.compare, { headers: { Accept: "application/json" } }).catch(() => null);
            if (state.compared !== number) return;
            if (answer?.ok) image.src = (await answer.json()).address;
            else missing.hidden = false;
        }

        // Up to eight times the whole page; of a long strip, until each line is twice as large as it was drawn.
        function zoom(step) {
            const image = pages[state.page].querySelector("img");
            if (!image.naturalWidth) return;
            const { wide, whole } = scales(panes[0], image);
            const now = state.zoom === "width" ? wide / whole : state.zoom;
            const most = Math.max(MOST_ZOOM, 2 / whole);
            const next = step > 0
                ? STEPS.find((size) => size > now && size <= most)
                : STEPS.findLast((size) => size < now);
            state.zoom = next ?? now;
        }
        const actions = {
            previous: () => { state.page = (state.page + pages.length - 1) % pages.length; },
            next: () => { state.page = (state.page + 1) % pages.length; },
            in: () => zoom(1),
            out: () => zoom(-1),
            fit: () => { state.zoom = 1; },
            width: () => { state.zoom = "width"; },
            rotate: () => { state.turned = (state.turned + 90) % 360; },
            compare: () => compare(state.compared + 1 < choices.length ? state.compared + 1 : -1),
        };
        viewer.addEventListener("click", (event) => {
            const button = event.target.closest("[data-viewer-do], [data-compare]");
            if (!button) return;
            if (button.dataset.viewerDo) actions[button.dataset.viewerDo]();
            else compare(choices.indexOf(button) === state.compared ? -1 : choices.indexOf(button));
            draw();
        });
        for (const image of viewer.querySelectorAll("img")) {
            image.addEventListener("load", () => {
                image.parentElement.querySelector(".viewer-missing").hidden = true;
                draw();
            });
            image.addEventListener("error", () => {
                // The first time its address has only expired, and console.js asks for another one.
                if (image.getAttribute("src") && !image.dataset.asking) image.parentElement.querySelector(".viewer-missing").hidden = false;
            });
        }
        // The stage is as large as the decision leaves room for.
        new ResizeObserver(draw).observe(viewer.querySelector(".viewer-stage"));
        draw();
        return { draw };
    }

    addEventListener("resize", () => view?.draw());
    document.addEventListener("desk:opened", () => open(document));
})();
