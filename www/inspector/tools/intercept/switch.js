// @ts-check
// The switch, with what it holds: a filter with completion, and directions.

import { el, on } from "../../../lib/dom.js";
import { Completer } from "../../completer.js";

/** @import { App } from "../../app.js" */
/** @import { Board } from "./board.js" */
/** @import { Direction } from "./types.d.ts" */

/** What people begin with. @type {[string, string][]} */
const EXAMPLES = [
  ["opcode == text", "every text frame"],
  ['text contains "price"', "what says so"],
  ["dir == c2s and length > 1KiB", "large ones, from the client"],
  ["opcode == close", "who says goodbye"],
  ["violation", "whatever breaks a rule"],
];

export class Switch {
  #board;
  #button = el(
    "button",
    { class: "intercept-switch", type: "button", role: "switch", "aria-checked": "false" },
    "Hold frames",
  );
  #input = el("input", {
    class: "filter-input",
    id: "intercept-filter",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: false,
    placeholder: "Which: opcode == text; empty for all",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": "intercept-filter-list",
    "aria-describedby": "intercept-problem",
  });
  #directions = el(
    "select",
    { id: "intercept-directions" },
    el("option", { value: "c2s s2c" }, "both ways"),
    el("option", { value: "c2s" }, "from the client"),
    el("option", { value: "s2c" }, "from the server"),
  );
  #apply = el("button", { type: "button", hidden: true }, "Apply");
  #problem = el("p", { class: "filter-problem", id: "intercept-problem", role: "status" });
  #completer;
  #checks = 0;
  #app;

  /** @param {HTMLElement} root @param {App} app @param {Board} board */
  constructor(root, app, board) {
    this.#app = app;
    this.#board = board;
    const field = el("div", { class: "filter-field" }, this.#input);
    root.append(
      el(
        "div",
        { class: "tool-bar intercept-bar" },
        this.#button,
        el("label", { class: "unseen", for: "intercept-filter" }, "Frames to hold"),
        el("div", { class: "filter" }, field),
        el("label", { class: "unseen", for: "intercept-directions" }, "Directions"),
        this.#directions,
        this.#apply,
      ),
      this.#problem,
    );
    this.#input.value = board.filter;
    this.#completer = new Completer(this.#input, field, {
      complete: (text, at) => app.capture.completeFilter(text, at),
      changed: () => void this.#check(),
      signal: app.signal,
    });
    const { signal } = app;
    on(this.#button, "click", () => (board.isOn ? board.stop() : this.#hold()), signal);
    on(this.#apply, "click", () => this.#hold(), signal);
    on(this.#input, "input", () => void this.#check(), signal);
    on(this.#directions, "change", () => board.isOn && this.#hold(), signal);
    on(
      this.#input,
      "keydown",
      (event) => {
        if (event.defaultPrevented || event.key !== "Enter") return;
        event.preventDefault();
        this.#completer.close();
        this.#hold();
      },
      signal,
    );
    this.render();
  }

  /** Filters to begin with, each at a click. */
  examples() {
    return EXAMPLES.map(([filter, says]) => {
      const button = el(
        "button",
        { class: "quiet intercept-example", type: "button" },
        el("code", {}, filter),
        ` ${says}`,
      );
      on(button, "click", () => {
        this.#input.value = filter;
        this.#hold();
      });
      return button;
    });
  }

  /** Turns it on, or off. */
  toggle() {
    if (this.#board.isOn) this.#board.stop();
    else this.#hold();
  }

  #hold() {
    // The cast: the options say so.
    const directions = /** @type {Direction[]} */ (this.#directions.value.split(" "));
    this.#board.hold(this.#input.value.trim(), directions);
  }

  async #check() {
    this.render();
    this.#checks += 1;
    const check = this.#checks;
    const text = this.#input.value;
    const { problem } = text.trim() === "" ? { problem: null } : await this.#app.capture.checkFilter(text);
    if (check !== this.#checks) return;
    // Who still types at the end has not made a mistake yet.
    const isOpen = problem !== null && problem.to >= text.length;
    this.#complain(isOpen ? null : problem);
  }

  /** @param {import("../../app.js").FilterProblem | null} problem */
  #complain(problem) {
    this.#problem.textContent = problem ? `${problem.message}${problem.hint ? ` ${problem.hint}` : ""}` : "";
    this.#input.setAttribute("aria-invalid", String(problem !== null));
  }

  render() {
    const { isOn, filter, problem } = this.#board;
    this.#button.setAttribute("aria-checked", String(isOn));
    this.#button.textContent = isOn ? "Stop, and let all go" : "Hold frames";
    this.#apply.hidden = !isOn || this.#input.value.trim() === filter;
    if (problem) this.#complain(problem);
  }
}
