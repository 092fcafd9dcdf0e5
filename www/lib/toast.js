// @ts-check
// A word in passing, in a corner of the window. What matters stands somewhere that stays, too.

import { el, on } from "./dom.js";

/** How long one stays, in milliseconds. */
const STAY = 4_500;
/** More than these nobody reads. */
const MOST = 3;

/** Where they stand. There before the first one, or screen readers would miss that. */
const region = el("div", { class: "toasts", role: "status" });
document.body.append(region);

/**
 * @param {string} words
 * @param {{ kind?: "good" | "warn" | "danger", about?: string }} [wishes] `about`: takes the place of the one before about
 *   the same
 */
export function toast(words, { kind = "good", about = words } = {}) {
  for (const old of region.querySelectorAll(".toast"))
    if (old instanceof HTMLElement && old.dataset.about === about) old.remove();
  const close = el("button", { class: "quiet toast-close", type: "button", "aria-label": "Dismiss" }, "×");
  const made = el("div", { class: "toast", "data-kind": kind, "data-about": about }, el("span", {}, words), close);
  region.append(made);
  while (region.childElementCount > MOST) region.firstElementChild?.remove();
  let timer = setTimeout(() => made.remove(), STAY);
  on(close, "click", () => made.remove());
  // Whoever reads it, or is about to dismiss it, is not hurried.
  on(made, "pointerenter", () => clearTimeout(timer));
  on(made, "pointerleave", () => {
    timer = setTimeout(() => made.remove(), STAY);
  });
}
