// @ts-check
// The keyboard, the sheet of keys and the palette: three ways to the same commands.

import { byId, el, on } from "../lib/dom.js";

/** @import { Command } from "./app.js" */
/** @import { Inspector } from "./inspector.js" */

/** Keys that belong to what has the keyboard, and so are no commands; they stand in the sheet. @type {[string, string][]} */
const ELSEWHERE = [
  ["↑ ↓", "the row above or below; in fields, bytes and sources likewise"],
  ["PageUp PageDown", "a screenful of rows"],
  ["Home End", "the first row; the newest, and then on with what comes"],
  ["Enter", "from a row to its fields; from a field to its bytes"],
  ["Shift+F10", "on a row or a field: what can be done with it"],
  ["← → ↑ ↓", "on the bar between two panes: moves it; Enter puts it back"],
  ["f d e a", "on a frame that is held: forward, drop, edit it; forward all"],
];

export class Commands {
  #app;
  #help = byId("help", HTMLDialogElement);
  #palette = byId("palette", HTMLDialogElement);
  #input = byId("palette-input", HTMLInputElement);
  #list = byId("palette-list", HTMLElement);
  /** @type {Command[]} */
  #found = [];
  #at = 0;

  /** @param {Inspector} app */
  constructor(app) {
    this.#app = app;
    this.#list.role = "listbox";
    this.#list.ariaLabel = "Commands";
    app.command({ id: "help", title: "Show all keys", group: "Page", keys: "?", run: () => this.#showHelp() });
    app.command({ id: "palette", title: "Commands", group: "Page", keys: "Ctrl+K", run: () => this.#showPalette() });
    on(byId("help-open", HTMLButtonElement), "click", () => this.#showHelp(), app.signal);
    on(byId("palette-open", HTMLButtonElement), "click", () => this.#showPalette(), app.signal);
    on(document, "keydown", (event) => this.#key(event), app.signal);
    on(this.#input, "input", () => this.#find(), app.signal);
    on(this.#input, "keydown", (event) => this.#paletteKey(event), app.signal);
    on(
      this.#list,
      "click",
      ({ target }) => {
        const option = target instanceof Element ? target.closest("[data-at]") : null;
        if (option) this.#run(Number(option.getAttribute("data-at")));
      },
      app.signal,
    );
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const { target } = event;
    const isTyping =
      target instanceof HTMLInputElement ||
      target instanceof HTMLSelectElement ||
      target instanceof HTMLTextAreaElement;
    const pressed = nameOf(event);
    if (isTyping && !pressed.startsWith("Ctrl+")) return;
    for (const command of this.#app.commands.values()) {
      if (!command.keys?.split(" ").includes(pressed) || command.enabled?.() === false) continue;
      event.preventDefault();
      command.run();
      return;
    }
  }

  #showHelp() {
    const sections = new Map([["Moving about", ELSEWHERE]]);
    for (const { group, keys, title } of this.#app.commands.values()) {
      if (!keys) continue;
      const section = sections.get(group) ?? [];
      section.push([keys, title]);
      sections.set(group, section);
    }
    byId("help-keys", HTMLElement).replaceChildren(
      ...[...sections].map(([group, lines]) =>
        el(
          "section",
          { class: "keys-group" },
          el("h3", { class: "keys-title" }, group),
          el(
            "dl",
            { class: "keys" },
            ...lines.flatMap(([keys, title]) => [el("dt", {}, ...caps(keys)), el("dd", {}, title)]),
          ),
        ),
      ),
    );
    this.#help.showModal();
    // The button at its end has the keyboard; one reads from the top.
    this.#help.scrollTop = 0;
  }

  #showPalette() {
    this.#input.value = "";
    this.#find();
    this.#palette.showModal();
    this.#input.focus();
  }

  #find() {
    const words = this.#input.value.toLowerCase().split(/\s+/u);
    this.#found = [...this.#app.commands.values()].filter(({ id, title, group, enabled }) => {
      if (id === "palette" || enabled?.() === false) return false;
      const text = `${group} ${title}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    this.#at = 0;
    this.#renderFound();
  }

  /** @param {KeyboardEvent} event */
  #paletteKey(event) {
    const { length } = this.#found;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && length > 0) {
      event.preventDefault();
      this.#at = (this.#at + step + length) % length;
      this.#renderFound();
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#run(this.#at);
    }
  }

  /** @param {number} at */
  #run(at) {
    const command = this.#found[at];
    if (!command) return;
    this.#palette.close();
    command.run();
  }

  #renderFound() {
    this.#list.replaceChildren(
      ...this.#found.map(({ title, group, keys }, at) =>
        el(
          "div",
          {
            class: "palette-item",
            role: "option",
            id: `palette-${at}`,
            "data-at": at,
            "aria-selected": String(at === this.#at),
          },
          el("span", { class: "palette-group" }, group),
          el("span", { class: "palette-title" }, title),
          el("span", { class: "palette-keys" }, ...(keys ? caps(keys) : [])),
        ),
      ),
    );
    byId("palette-none", HTMLElement).hidden = this.#found.length > 0;
    if (this.#found.length > 0) this.#input.setAttribute("aria-activedescendant", `palette-${this.#at}`);
    else this.#input.removeAttribute("aria-activedescendant");
    this.#list.children[this.#at]?.scrollIntoView({ block: "nearest" });
  }
}

/** A pressed key by the name it has in a command. @param {KeyboardEvent} event */
function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const name = key.length === 1 && (ctrlKey || metaKey) ? key.toUpperCase() : key;
  const isLetter = /^\p{L}$/u.test(key);
  return `${ctrlKey || metaKey ? "Ctrl+" : ""}${altKey ? "Alt+" : ""}${shiftKey && (isLetter || key.length > 1) ? "Shift+" : ""}${isLetter && shiftKey ? name.toUpperCase() : name}`;
}

/** @param {string} keys @returns {Node[]} */
function caps(keys) {
  return keys.split(" ").flatMap((one, at) => {
    const parts = one.split("+").filter((part) => part !== "");
    const cap = el("kbd", {}, (parts.length === 0 ? ["+"] : parts).join(" "));
    return at === 0 ? [cap] : [document.createTextNode(" "), cap];
  });
}
