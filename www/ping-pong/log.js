// @ts-check
// What happened, line by line with its time. It stays until somebody clears it.

import { el } from "../lib/dom.js";
import { toast } from "../lib/toast.js";

/** @typedef {{ at: Date, words: string, kind: "plain" | "good" | "warn" | "bad" }} Line */

/** Lines kept; the oldest go first, and the log says so. */
const KEPT = 1000;

export class Log {
  #list;
  #scroller;
  /** @type {Line[]} */
  #lines = [];
  /** Lines that are not in the page yet. @type {Line[]} */
  #fresh = [];
  #dropped = 0;

  /** @param {HTMLElement} scroller @param {HTMLElement} list */
  constructor(scroller, list) {
    this.#scroller = scroller;
    this.#list = list;
  }

  get isEmpty() {
    return this.#lines.length === 0;
  }

  /** How many lines went because there were too many. */
  get dropped() {
    return this.#dropped;
  }

  /** @param {string} words @param {Line["kind"]} [kind] @param {Date} [at] */
  add(words, kind = "plain", at = new Date()) {
    const line = { at, words, kind };
    this.#lines.push(line);
    this.#fresh.push(line);
    if (this.#lines.length <= KEPT) return;
    this.#lines.shift();
    this.#dropped += 1;
  }

  /** Brings the page in line; whoever looks at the end goes on seeing the end. */
  render() {
    if (this.#fresh.length === 0) return;
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < 24;
    this.#list.append(...this.#fresh.splice(0).map(drawn));
    while (this.#list.childElementCount > this.#lines.length) this.#list.firstElementChild?.remove();
    if (isAtEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  clear() {
    this.#lines = [];
    this.#fresh = [];
    this.#dropped = 0;
    this.#list.replaceChildren();
  }

  /** Puts all lines on the clipboard. */
  async copy() {
    const text = this.#lines.map(({ at, words }) => `${at.toISOString()} ${words}\n`).join("");
    try {
      await navigator.clipboard.writeText(text);
      toast("The log was copied.", { about: "copy" });
    } catch {
      // Only pages that came by https, or from this machine, may write there.
      getSelection()?.selectAllChildren(this.#list);
      toast("This browser lets the page copy nothing: the log is selected, copy it yourself.", {
        kind: "warn",
        about: "copy",
      });
    }
  }
}

/** @param {Line} line */
function drawn({ at, words, kind }) {
  return el(
    "li",
    { class: "log-line", "data-kind": kind },
    el("time", { class: "log-time", dateTime: at.toISOString() }, clock(at)),
    " ",
    el("span", { class: "log-words" }, words),
  );
}

/** @param {Date} at */
export function clock(at) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const millis = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${millis}`;
}
