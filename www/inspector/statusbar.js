// @ts-check
// The line at the foot of the page: how much is held, and what is wrong with it.

import { el, grouped, size } from "../lib/dom.js";

/** @import { Status } from "./app.js" */

/** @param {HTMLElement} root @param {Status | null} status */
export function renderStatusbar(root, status) {
  root.replaceChildren(...parts(status));
}

/** @param {Status | null} status */
function parts(status) {
  if (!status) return [el("span", {}, "Nothing captured yet")];
  const { frames, connections, violations, findings, held, budget, dropped, trouble } = status;
  const made = [
    el("span", {}, count(frames, "frame")),
    el("span", {}, count(connections, "connection")),
    el(
      "span",
      { class: violations > 0 ? "statusbar-bad" : "" },
      violations > 0 ? `⚠ ${count(violations, "violation")}` : "no violations",
    ),
    el("span", {}, `${size(held)} of ${size(budget)} held`),
  ];
  // Beside the rules: what no frame shows alone, as a masking key for all of them.
  if (findings > 0)
    made.splice(
      3,
      0,
      el(
        "span",
        { class: "statusbar-bad", title: "What no single frame shows. n goes there." },
        `⚑ ${count(findings, "finding")}`,
      ),
    );
  if (dropped > 0)
    made.push(
      el("span", { class: "statusbar-trouble" }, `the oldest ${grouped(dropped)} rows were dropped to stay within it`),
    );
  if (trouble) made.push(el("span", { class: "statusbar-trouble" }, trouble));
  return made;
}

/** @param {number} number @param {string} noun */
export function count(number, noun) {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}
