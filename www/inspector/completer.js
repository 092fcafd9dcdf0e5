// @ts-check
// A list below a text box with what could come next, as a combobox: the text box keeps the keyboard.

import { el, on } from "../lib/dom.js";

/** @import { Completion } from "./app.js" */

/** What kind of thing is offered, for who sees no colours. @type {Record<string, string>} */
const KINDS = { field: "field", value: "value", operator: "operator", function: "function" };

export class Completer {
  #input;
  #list;
  #complete;
  #changed;
  /** @type {Completion | null} */
  #completion = null;
  /** How long the text was that it is about. */
  #length = 0;
  #at = -1;
  #asked = 0;

  /**
   * @param {HTMLInputElement} input which has `aria-controls`
   * @param {HTMLElement} place the list goes here
   * @param {object} options
   * @param {(text: string, at: number) => Promise<Completion>} options.complete
   * @param {() => void} options.changed the text is another, not by the user's typing
   * @param {AbortSignal} options.signal
   */
  constructor(input, place, { complete, changed, signal }) {
    this.#input = input;
    this.#complete = complete;
    this.#changed = changed;
    this.#list = el("div", {
      class: "popup completion",
      id: input.getAttribute("aria-controls"),
      role: "listbox",
      "aria-label": "Completions",
      hidden: true,
    });
    place.append(this.#list);
    on(
      input,
      "input",
      () => {
        // What was picked was picked for the text before.
        this.#at = -1;
        this.#render();
        void this.#open();
      },
      signal,
    );
    on(input, "keydown", (event) => this.#key(event), signal);
    on(input, "blur", () => this.close(), signal);
    // The text box keeps the keyboard while the list is clicked.
    on(this.#list, "pointerdown", (event) => event.preventDefault(), signal);
    on(
      this.#list,
      "click",
      ({ target }) => {
        const option = target instanceof Element ? target.closest("[data-at]") : null;
        if (option) this.#take(Number(option.getAttribute("data-at")));
      },
      signal,
    );
  }

  close() {
    this.#asked += 1;
    this.#completion = null;
    this.#at = -1;
    this.#render();
  }

  async #open() {
    this.#asked += 1;
    const asked = this.#asked;
    const text = this.#input.value;
    const completion = await this.#complete(text, this.#input.selectionStart ?? text.length).catch(() => null);
    if (asked !== this.#asked || document.activeElement !== this.#input) return;
    // What stands there already need not be offered.
    const isThere =
      completion?.items.length === 1 &&
      completion.items[0]?.text === this.#input.value.slice(completion.from, completion.to);
    // Whoever picked one while these were on their way keeps it.
    const picked = this.#completion?.items[this.#at]?.text;
    this.#completion = completion && completion.items.length > 0 && !isThere ? completion : null;
    this.#length = text.length;
    this.#at = this.#completion?.items.findIndex((item) => item.text === picked) ?? -1;
    this.#render();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      void this.#open();
      return;
    }
    const count = this.#completion?.items.length ?? 0;
    if (count === 0) {
      if (event.key === "ArrowDown" && event.altKey) {
        event.preventDefault();
        void this.#open();
      }
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      // One place more than there are items: the text as it was typed.
      this.#at = ((this.#at + 1 + step + count + 1) % (count + 1)) - 1;
      this.#render();
    } else if ((event.key === "Enter" || event.key === "Tab") && this.#at >= 0) {
      event.preventDefault();
      this.#take(this.#at);
    } else if (event.key === "Tab" && !event.shiftKey && this.#isWordBegun()) {
      event.preventDefault();
      this.#take(0);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }
  }

  /** Whether a word has been begun and is not complete: then Tab completes it. Otherwise it goes on, as everywhere. */
  #isWordBegun() {
    const completion = this.#completion;
    if (!completion || completion.from === completion.to) return false;
    const word = this.#input.value.slice(completion.from, completion.to);
    return completion.items.every(({ text }) => text !== word);
  }

  /** @param {number} at */
  #take(at) {
    const completion = this.#completion;
    const item = completion?.items[at];
    if (!completion || !item) return;
    // What was typed since it was asked for belongs to the word.
    const to = Math.max(completion.from, completion.to + this.#input.value.length - this.#length);
    const behind = this.#input.value.slice(to);
    const space = item.kind !== "value" && !/^\s/u.test(behind) ? " " : "";
    this.#input.setRangeText(item.text + space, completion.from, to, "end");
    // What was offered was for the text before: Enter is not to take it once more while the next is on its way.
    this.close();
    this.#changed();
    void this.#open();
  }

  #render() {
    const items = this.#completion?.items ?? [];
    this.#list.hidden = items.length === 0;
    this.#input.setAttribute("aria-expanded", String(items.length > 0));
    this.#list.replaceChildren(
      ...items.map(({ text, detail, kind }, at) =>
        el(
          "div",
          {
            class: "completion-item",
            role: "option",
            id: `${this.#list.id}-${at}`,
            "data-at": at,
            "data-kind": kind,
            "aria-selected": String(at === this.#at),
          },
          el("code", { class: "completion-text" }, text),
          el("span", { class: "completion-detail" }, detail),
          el("span", { class: "completion-kind" }, KINDS[kind] ?? ""),
        ),
      ),
    );
    if (this.#at >= 0) {
      this.#input.setAttribute("aria-activedescendant", `${this.#list.id}-${this.#at}`);
      this.#list.children[this.#at]?.scrollIntoView({ block: "nearest" });
    } else this.#input.removeAttribute("aria-activedescendant");
  }
}
