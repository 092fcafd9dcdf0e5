// @ts-check
// The frames that are to be sent, in their order.

import { closestWith, el, on } from "../../../lib/dom.js";
import { itemWords } from "./captured.js";
import { newBeside, newFrame, newPasted } from "./frame.js";

/** @import { Beside, Item, Made } from "./frame.js" */

/** @typedef {{ item: Item, beside: Beside }} Entry */

/** More would be slow to decode as one types. */
const ENTRIES_MAX = 500;

export class Queue {
  /** @type {Entry[]} */
  entries = [{ item: newFrame(), beside: newBeside() }];
  at = 0;
  #list = el("ol", { class: "lab-queue-list", role: "listbox", tabIndex: 0, "aria-label": "Frames to send" });
  #buttons = {
    frame: button("Add frame"),
    bytes: button("Add bytes"),
    copy: button("Duplicate"),
    up: button("Up", "Move it up: Alt ↑"),
    down: button("Down", "Move it down: Alt ↓"),
    remove: button("Remove", "Delete"),
  };
  #changed;

  /** @param {HTMLElement} root @param {{ changed: () => void, signal: AbortSignal }} options `changed`: which there are, or which is chosen */
  constructor(root, { changed, signal }) {
    this.#changed = changed;
    root.append(this.#list, el("div", { class: "lab-buttons" }, ...Object.values(this.#buttons)));
    const { frame, bytes, copy, up, down, remove } = this.#buttons;
    on(frame, "click", () => this.add(newFrame()), signal);
    on(bytes, "click", () => this.add(newPasted()), signal);
    on(copy, "click", () => this.add({ ...this.entry.item }, { ...this.entry.beside }), signal);
    on(up, "click", () => this.#move(-1), signal);
    on(down, "click", () => this.#move(1), signal);
    on(remove, "click", () => this.#remove(), signal);
    on(
      this.#list,
      "click",
      (event) => this.choose(Number(closestWith(event, "data-at")?.dataset.at ?? this.at)),
      signal,
    );
    on(this.#list, "keydown", (event) => this.#key(event), signal);
  }

  /** The one that is edited. @returns {Entry} */
  get entry() {
    return /** @type {Entry} */ (this.entries[this.at]);
  }

  /** @param {Item[]} items in place of what there was */
  fill(items) {
    this.entries = items.slice(0, ENTRIES_MAX).map((item) => ({ item, beside: newBeside() }));
    if (this.entries.length === 0) this.entries = [{ item: newFrame(), beside: newBeside() }];
    this.at = 0;
    this.#changed();
  }

  /** Behind the chosen one. @param {Item} item @param {Beside} [beside] */
  add(item, beside = newBeside()) {
    if (this.entries.length >= ENTRIES_MAX) return;
    this.entries.splice(this.at + 1, 0, { item, beside });
    this.at += 1;
    this.#changed();
  }

  /** @param {number} at */
  choose(at) {
    this.at = Math.min(Math.max(0, at), this.entries.length - 1);
    this.#changed();
  }

  #remove() {
    this.entries.splice(this.at, 1);
    if (this.entries.length === 0) this.entries.push({ item: newFrame(), beside: newBeside() });
    this.choose(this.at);
  }

  /** @param {number} step */
  #move(step) {
    const to = this.at + step;
    if (to < 0 || to >= this.entries.length) return;
    const [moved] = this.entries.splice(this.at, 1);
    if (moved) this.entries.splice(to, 0, moved);
    this.choose(to);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step !== undefined && event.altKey) this.#move(step);
    else if (step !== undefined) this.choose(this.at + step);
    else if (event.key === "Home") this.choose(0);
    else if (event.key === "End") this.choose(this.entries.length - 1);
    else if (event.key === "Delete") this.#remove();
    else return;
    event.preventDefault();
  }

  /**
   * @param {Made[]} made the bytes of each
   * @param {string[][]} broken the rules that each breaks
   */
  render(made, broken) {
    this.#list.replaceChildren(
      ...this.entries.map(({ item }, at) => {
        const { bytes, problems } = made[at] ?? { bytes: new Uint8Array(), problems: [] };
        const rules = broken[at] ?? [];
        const pause = Number(item.pause) > 0 ? `, after ${item.pause} ms` : "";
        const flaws = problems.length > 0 ? "cannot be sent yet" : rules.join(", ");
        return el(
          "li",
          {
            class: "lab-queue-item",
            id: `lab-entry-${at}`,
            role: "option",
            "aria-selected": String(at === this.at),
            "data-at": at,
          },
          el("span", { class: "lab-queue-number" }, String(at + 1)),
          el("span", { class: "lab-queue-name" }, itemWords(item)),
          el("span", { class: "lab-queue-size" }, `${bytes.length} B${pause}`),
          flaws && el("span", { class: "flaw lab-queue-flaw", title: flaws }, `⚠ ${flaws}`),
        );
      }),
    );
    this.#list.setAttribute("aria-activedescendant", `lab-entry-${this.at}`);
    this.#list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
    this.#buttons.up.disabled = this.at === 0;
    this.#buttons.down.disabled = this.at === this.entries.length - 1;
  }
}

/** @param {string} text @param {string} [title] */
function button(text, title = "") {
  return el("button", { class: "quiet", type: "button", title }, text);
}
