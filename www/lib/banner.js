// @ts-check
// The strip under the masthead: what the whole page suffers from, and what can be done about it.

import { el, on } from "./dom.js";

/**
 * @typedef {object} Notice
 * @property {string} title
 * @property {string} [text]
 * @property {"warn" | "danger" | "good"} [kind]
 * @property {number} [retryAt] when the next try is due, as `Date.now()` counts
 * @property {() => void} [retry] tries now
 */

/** What there is to say, the latest last: that one is shown. @type {Map<string, Notice>} */
const notices = new Map();
/** @type {Notice | undefined} */
let shown;
/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking;

/**
 * Says something, or says it differently.
 *
 * @param {string} id whose notice it is
 * @param {Notice} notice
 */
export function showBanner(id, notice) {
  notices.set(id, notice);
  render();
}

/** @param {string} id */
export function hideBanner(id) {
  if (notices.delete(id)) render();
}

function render() {
  const notice = [...notices.values()].at(-1);
  const isTold = shown?.title === notice?.title && shown?.text === notice?.text && shown?.kind === notice?.kind;
  shown = notice;
  const region = place();
  if (!isTold || !notice) region.replaceChildren(...(notice ? [drawn(notice)] : []));
  tick();
  const counts = notice?.retryAt !== undefined;
  if (counts && ticking === undefined) ticking = setInterval(tick, 500);
  if (!counts) {
    clearInterval(ticking);
    ticking = undefined;
  }
}

/** @param {Notice} notice */
function drawn({ title, text, kind = "warn" }) {
  const now = el("button", { class: "link banner-retry", type: "button" }, "Try now");
  on(now, "click", () => shown?.retry?.());
  return el(
    "div",
    { class: "banner", "data-kind": kind },
    el("span", { class: "banner-title" }, title),
    text ? el("span", {}, text) : null,
    // Read out once, not each second.
    el("span", { class: "banner-wait", "aria-hidden": "true" }),
    now,
  );
}

/** Brings the countdown up to now; the rest stays as it is, so that nobody's focus is lost. */
function tick() {
  const region = place();
  const wait = region.querySelector(".banner-wait");
  const retry = region.querySelector(".banner-retry");
  if (!shown || !wait || !(retry instanceof HTMLButtonElement)) return;
  retry.hidden = !shown.retry;
  const left = shown.retryAt === undefined ? null : Math.ceil((shown.retryAt - Date.now()) / 1000);
  const words = left === null ? "" : left > 0 ? `Trying again in ${left}\u00A0s.` : "Trying again now.";
  if (wait.textContent !== words) wait.textContent = words;
}

/** Where notices stand. Pages have the place from the start, so that screen readers watch it. */
function place() {
  const known = document.getElementById("banner");
  if (known) return known;
  const made = el("div", { id: "banner", role: "status" });
  const masthead = document.querySelector(".masthead");
  if (masthead) masthead.after(made);
  else document.body.prepend(made);
  return made;
}
