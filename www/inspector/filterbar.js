// @ts-check
// The line for the filter: completion as one types, what is wrong with it at its place, what was used before, and
// filters kept under a name.

import { byId, el, on } from "../lib/dom.js";
import { Completer } from "./completer.js";
import { asList, asObject, asText, remember, remembered } from "./memory.js";

/** @import { FilterProblem } from "./app.js" */
/** @import { Inspector } from "./inspector.js" */

/** Filters used before, the latest in front; so many are kept. */
const HISTORY = 50;

/** @typedef {{ name: string, filter: string }} Saved */

export class FilterBar {
  #app;
  #input = el("input", {
    class: "filter-input",
    id: "filter-input",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: false,
    placeholder: "Filter, as opcode == ping or length > 10KiB",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": "filter-list",
    "aria-describedby": "filter-problem",
    "aria-keyshortcuts": "/",
  });
  #mirror = el("div", { class: "filter-mirror", "aria-hidden": "true" });
  #clear = el(
    "button",
    { class: "quiet filter-clear", type: "button", "aria-label": "Clear the filter", hidden: true },
    "×",
  );
  #problem = el("p", { class: "filter-problem", id: "filter-problem", role: "status" });
  #saved = el("button", { type: "button", "aria-expanded": "false", "aria-controls": "filter-saved" }, "Saved");
  #panel = el("div", { class: "popup filter-saved", id: "filter-saved", hidden: true });
  #completer;
  /** @type {string[]} */
  #history = remembered("filters", [], asList(asText));
  /** @type {Saved[]} */
  #named = remembered("saved-filters", [], asList(asSaved));
  /** Where in the history one is; -1: at what one types. */
  #at = -1;
  /** What was typed before one went into the history. */
  #typed = "";
  #checks = 0;
  /** Filters of this line that are on their way, and whether something else was typed since the last of them. */
  #applying = 0;
  #isEdited = false;

  /** @param {Inspector} app */
  constructor(app) {
    this.#app = app;
    const field = el("div", { class: "filter-field" }, this.#mirror, this.#input, this.#clear);
    byId("filter-bar", HTMLElement).append(
      el("label", { class: "unseen", for: "filter-input" }, "Filter"),
      field,
      this.#saved,
      this.#panel,
      this.#problem,
    );
    this.#completer = new Completer(this.#input, field, {
      complete: (text, at) => app.capture.completeFilter(text, at),
      changed: () => this.#changed(),
      signal: app.signal,
    });
    this.#listen();
    app.on("view", () => this.#viewed());
    app.command({
      id: "filter",
      title: "Filter: show some rows only",
      group: "Rows",
      keys: "/",
      run: () => this.focus(),
    });
    app.command({
      id: "filter-clear",
      title: "Show all rows: no filter, connection or time range",
      group: "Rows",
      keys: "Shift+A",
      run: () => void app.setView({ filter: "", connection: null, between: null }),
    });
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  #listen() {
    const { signal } = this.#app;
    on(this.#input, "input", () => this.#changed(), signal);
    on(this.#input, "scroll", () => this.#scroll(), signal);
    on(this.#input, "keydown", (event) => this.#key(event), signal);
    on(
      this.#clear,
      "click",
      () => {
        this.#input.value = "";
        this.#changed();
        void this.#apply();
        this.#input.focus();
      },
      signal,
    );
    on(this.#saved, "click", () => this.#toggleSaved(), signal);
    on(
      this.#panel,
      "keydown",
      (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        this.#closeSaved();
        this.#saved.focus();
      },
      signal,
    );
    on(
      document,
      "pointerdown",
      ({ target }) => {
        if (!(target instanceof Node) || this.#panel.contains(target) || this.#saved.contains(target)) return;
        this.#closeSaved();
      },
      signal,
    );
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // The completion takes what is its own.
    if (event.defaultPrevented) return;
    if (event.key === "Enter") {
      event.preventDefault();
      void this.#apply();
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (this.#input.value === this.#app.view.filter) byId("frames", HTMLElement).focus();
      else this.#show(this.#app.view.filter);
    } else if (event.key === "ArrowUp" || (event.key === "ArrowDown" && this.#at >= 0)) {
      event.preventDefault();
      this.#goBack(event.key === "ArrowUp" ? 1 : -1);
    }
  }

  /** @param {1 | -1} step */
  #goBack(step) {
    const at = this.#at + step;
    if (at >= this.#history.length) return;
    if (this.#at < 0) this.#typed = this.#input.value;
    this.#at = at;
    const text = at < 0 ? this.#typed : (this.#history[at] ?? "");
    this.#input.value = text;
    this.#isEdited = true;
    void this.#check();
  }

  /** What is typed has changed. */
  #changed() {
    this.#at = -1;
    this.#isEdited = true;
    void this.#check();
  }

  async #check() {
    const text = this.#input.value;
    this.#clear.hidden = text === "";
    this.#checks += 1;
    const check = this.#checks;
    const { problem } = text.trim() === "" ? { problem: null } : await this.#app.capture.checkFilter(text);
    if (check === this.#checks) this.#complain(problem, false);
  }

  async #apply() {
    const text = this.#input.value.trim();
    this.#completer.close();
    this.#isEdited = false;
    this.#applying += 1;
    const problem = await this.#app.setView({ filter: text }).finally(() => {
      this.#applying -= 1;
    });
    this.#complain(problem, true);
    if (problem || text === "") return;
    this.#history = [text, ...this.#history.filter((old) => old !== text)].slice(0, HISTORY);
    remember("filters", this.#history);
  }

  /** The view is another: so is its filter, perhaps. */
  #viewed() {
    // Who typed on while it was applied is not interrupted.
    const isTyping = this.#applying > 0 && this.#isEdited;
    if (!isTyping && this.#input.value.trim() !== this.#app.view.filter) this.#show(this.#app.view.filter);
    this.#input.toggleAttribute("data-applied", this.#app.view.filter !== "");
  }

  /** @param {string} text */
  #show(text) {
    this.#input.value = text;
    this.#completer.close();
    this.#changed();
    this.#isEdited = false;
  }

  /** @param {FilterProblem | null} problem @param {boolean} isFinal the user is done with typing */
  #complain(problem, isFinal) {
    const text = this.#input.value;
    // Who still types at the end has not made a mistake yet.
    const isOpen = problem !== null && !isFinal && problem.to >= text.length && document.activeElement === this.#input;
    const shown = isOpen ? null : problem;
    this.#input.setAttribute("aria-invalid", String(shown !== null));
    this.#problem.textContent = shown ? `${shown.message}${shown.hint ? ` ${shown.hint}` : ""}` : "";
    if (!shown) {
      this.#mirror.replaceChildren();
      return;
    }
    const from = Math.min(shown.from, text.length);
    const to = Math.max(from, Math.min(shown.to, text.length));
    this.#mirror.replaceChildren(
      text.slice(0, from),
      el("span", { class: "filter-error" }, text.slice(from, to) || "\u00A0"),
      text.slice(to),
    );
    this.#scroll();
  }

  #scroll() {
    this.#mirror.scrollLeft = this.#input.scrollLeft;
  }

  #toggleSaved() {
    if (!this.#panel.hidden) {
      this.#closeSaved();
      return;
    }
    this.#renderSaved();
    this.#panel.hidden = false;
    this.#saved.setAttribute("aria-expanded", "true");
    const first = this.#panel.querySelector("button, input");
    if (first instanceof HTMLElement) first.focus();
  }

  #closeSaved() {
    this.#panel.hidden = true;
    this.#saved.setAttribute("aria-expanded", "false");
  }

  #renderSaved() {
    const lines = this.#named.map((one) => {
      const use = el(
        "button",
        { class: "quiet saved-use", type: "button" },
        el("strong", {}, one.name),
        el("code", {}, one.filter),
      );
      on(use, "click", () => {
        this.#closeSaved();
        void this.#app.setView({ filter: one.filter }).then((problem) => {
          if (problem) this.#app.say(`This filter is no more understood: ${problem.message}`, "danger");
        });
      });
      const drop = el("button", { class: "quiet", type: "button", "aria-label": `Forget ${one.name}` }, "×");
      on(drop, "click", () => {
        this.#keep(this.#named.filter((other) => other !== one));
        this.#renderSaved();
      });
      return el("li", { class: "saved-line" }, use, drop);
    });
    const name = el("input", {
      type: "text",
      "aria-label": "Name",
      placeholder: "a name for it",
      required: true,
      maxLength: 60,
    });
    const text = this.#input.value.trim();
    const form = el(
      "form",
      { class: "saved-form" },
      el("span", {}, "Keep ", el("code", {}, text), " as"),
      name,
      el("button", { type: "submit" }, "Keep"),
    );
    on(form, "submit", (event) => {
      event.preventDefault();
      const kept = { name: name.value.trim(), filter: text };
      if (kept.name === "") return;
      this.#keep([...this.#named.filter((other) => other.name !== kept.name), kept]);
      this.#closeSaved();
      this.#saved.focus();
      this.#app.say(`Kept as ${kept.name}`);
    });
    this.#panel.replaceChildren(
      el("p", { class: "popup-title" }, "Saved filters"),
      lines.length === 0 ? el("p", { class: "note" }, "None yet.") : el("ul", { class: "saved-list" }, ...lines),
      text === "" ? el("p", { class: "note" }, "Type a filter, and it can be kept here under a name.") : form,
    );
  }

  /** @param {Saved[]} named */
  #keep(named) {
    this.#named = named;
    remember("saved-filters", named);
  }
}

/** @param {unknown} value @returns {Saved | null} */
function asSaved(value) {
  const { name, filter } = asObject(value) ?? {};
  return typeof name === "string" && typeof filter === "string" ? { name, filter } : null;
}
