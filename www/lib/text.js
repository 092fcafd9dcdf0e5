// @ts-check
// Words for people, from what people wrote and from numbers. What others wrote only ever becomes text nodes and links.

import { el } from "./dom.js";

/** How many tints avatars come in; `[data-tint]` in content.css. */
const TINTS = 8;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * A text with its http and https addresses as links, everything else as it is.
 *
 * @param {string} text
 * @returns {(HTMLAnchorElement | Text)[]}
 */
export function linkified(text) {
  /** @type {(HTMLAnchorElement | Text)[]} */
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"]+/giu)) {
    const address = withoutTail(match[0]);
    if (!isWeb(address)) continue;
    if (match.index > done) nodes.push(document.createTextNode(text.slice(done, match.index)));
    nodes.push(el("a", { class: "linked", href: address, target: "_blank", rel: "noopener noreferrer" }, address));
    done = match.index + address.length;
  }
  if (done < text.length || nodes.length === 0) nodes.push(document.createTextNode(text.slice(done)));
  return nodes;
}

/**
 * An address without the punctuation that belongs to the sentence around it.
 *
 * @param {string} address
 */
function withoutTail(address) {
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address[end - 1] ?? "";
    if (".,;:!?'’”*_".includes(last)) continue;
    const opening = { ")": "(", "]": "[", "}": "{" }[last];
    if (!opening) break;
    // A bracket that was opened in the address is part of it.
    const kept = address.slice(0, end);
    if (kept.split(last).length <= kept.split(opening).length) break;
  }
  return address.slice(0, end);
}

/** @param {string} address */
function isWeb(address) {
  return URL.canParse(address) && ["http:", "https:"].includes(new URL(address).protocol);
}

/**
 * One or two letters that stand for a name.
 *
 * @param {string} name
 * @returns {string}
 */
export function initials(name) {
  const words = name.split(/[\s._-]+/u).filter((word) => word !== "");
  const chosen = words.length > 1 ? [words[0] ?? "", words.at(-1) ?? ""] : words;
  const letters = chosen.map((word) => graphemes.segment(word)[Symbol.iterator]().next().value?.segment ?? "");
  return letters.join("").toLocaleUpperCase() || "?";
}

/**
 * A disc with a name's initials, in a tint that is always the same for that name. It says nothing that the name beside
 * it does not, so nothing reads it out.
 *
 * @param {string} name
 * @returns {HTMLSpanElement}
 */
export function avatar(name) {
  let hash = 7;
  for (const letter of name.toLowerCase()) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return el("span", { class: "avatar", "data-tint": hash % TINTS, "aria-hidden": "true" }, initials(name));
}

const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

/**
 * How long ago something was, or how soon it will be; after a month its date.
 *
 * @param {number} time milliseconds of Unix time
 * @param {number} [now]
 * @returns {string}
 */
export function timeAgo(time, now = Date.now()) {
  const seconds = Math.round((time - now) / 1000);
  const size = Math.abs(seconds);
  if (size < 45) return seconds <= 0 ? "just now" : "in a moment";
  if (size < 45 * 60) return ago.format(Math.round(seconds / 60), "minute");
  if (size < 22 * 3600) return ago.format(Math.round(seconds / 3600), "hour");
  if (size < 31 * 86_400) return ago.format(Math.round(seconds / 86_400), "day");
  return day.format(time);
}

/**
 * A length of time: `1 second`, `5 minutes`, `2 hours`; rounded up, as it tells people how long to wait.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function duration(seconds) {
  if (seconds <= 90) return counted(Math.max(1, Math.ceil(seconds)), "second");
  if (seconds <= 90 * 60) return counted(Math.ceil(seconds / 60), "minute");
  return counted(Math.ceil(seconds / 3600), "hour");
}

/**
 * A number with its noun.
 *
 * @param {number} count
 * @param {string} noun
 * @param {string} [plural]
 * @returns {string}
 */
export function counted(count, noun, plural = `${noun}s`) {
  return `${count.toLocaleString("en").replaceAll(",", "\u2009")}\u00A0${count === 1 ? noun : plural}`;
}
