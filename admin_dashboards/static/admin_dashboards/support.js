"use strict";

// "View as user": opens and closes all answers at once.
document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-answers]");
    if (!button) return;
    const opens = button.dataset.answers === "open";
    for (const answer of document.querySelectorAll(".support-answer-panel")) answer.open = opens;
    const state = document.querySelector("[data-answers-state]");
    state.textContent = opens ? state.dataset.open : state.dataset.close;
});
