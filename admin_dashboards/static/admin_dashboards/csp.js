"use strict";

// The content security policy permits no evaluation of text as script, and no style in the page.
Object.assign(htmx.config, { allowEval: false, includeIndicatorStyles: false });

// So the CSP build of Alpine stands in the place of the one that Unfold ships. It reads simple expressions and knows no
// global names: those that Unfold's templates use, and what takes more than an expression, are given to it here.
document.addEventListener("alpine:init", () => {
    const address = {
        get pathname() { return location.pathname; },
        get search() { return location.search; },
        get hash() { return location.hash; },
        set href(next) { location.href = next; },
    };
    // Of the whole page: the root of every other scope.
    Alpine.data("theme", (...chosen) =>
        Object.assign(theme(...chosen), { window: { location: address }, getCurrentTab, sortRecords, moveRecords }),
    );
    Alpine.data("searchCommand", () => {
        const palette = searchCommand();
        const { handleContentLoaded } = palette;
        return Object.assign(palette, {
            handleContentLoaded(event) {
                handleContentLoaded.call(this, event);
                this.totalItems = this.el.querySelectorAll("a").length;
                this.currentIndex = this.totalItems ? 1 : 0;
            },
            back() {
                this.handleClear();
                this.$refs.searchInputCommand.dispatchEvent(new Event("input"));
            },
            close() {
                this.$refs.searchInputCommand.value = "";
                this.handleClear();
            },
        });
    });
    Alpine.data("codes", () => ({
        copied: false,
        async copy() {
            await navigator.clipboard.writeText(this.$refs.codes.innerText.trim());
            this.copied = true;
        },
        print() { print(); },
    }));
});
