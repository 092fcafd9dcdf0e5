// @ts-check
// Rules that colour rows: filters in an order, of which the first that fits gives its colour. A colour comes with a
// sign, for whoever does not see it.

import { el, on } from "../lib/dom.js";
import { asList, asObject, remember, remembered } from "./memory.js";

/** @import { Inspector } from "./inspector.js" */

/** What the colours are called, with their signs. style.css has them as `--tint-…`. */
const COLOURS = ["① blue", "② pink", "③ teal", "④ violet", "⑤ ochre", "⑥ green", "⑦ red", "⑧ indigo"];

/** Rules to begin with, at a click. @type {Rule[]} */
const EXAMPLES = [
  { filter: "violation", colour: 6, isOn: true },
  { filter: "opcode == close", colour: 1, isOn: true },
  { filter: "opcode in {ping, pong}", colour: 4, isOn: true },
  { filter: "length > 64KiB", colour: 3, isOn: true },
];

/** @typedef {{ filter: string, colour: number, isOn: boolean }} Rule */

export class Colours {
  #app;
  /** @type {Rule[]} */
  #rules = remembered("colours", [], asList(asRule));
  #list = el("ol", { class: "rules" });
  #dialog = el("dialog", { class: "sheet colours", "aria-labelledby": "colours-title" });
  #sets = 0;
  /** Whether the capture was ever told of one. */
  #isTold = false;

  /** @param {Inspector} app */
  constructor(app) {
    this.#app = app;
    const add = el("button", { type: "button" }, "Add a rule");
    const examples = el("button", { class: "quiet", type: "button" }, "Add examples");
    const close = el("button", { class: "primary", type: "button" }, "Close");
    this.#dialog.append(
      el("h2", { id: "colours-title" }, "Colour rules"),
      el("p", { class: "note" }, "The first rule that fits a row colours it. The sign stands beside the row’s number."),
      this.#list,
      el("p", { class: "actions" }, add, examples, close),
    );
    document.body.append(this.#dialog);
    on(add, "click", () => this.#add("violation"), app.signal);
    on(
      examples,
      "click",
      () => {
        const known = new Set(this.#rules.map(({ filter }) => filter));
        this.#set([...this.#rules, ...EXAMPLES.filter(({ filter }) => !known.has(filter))]);
        this.#render();
      },
      app.signal,
    );
    on(close, "click", () => this.#dialog.close(), app.signal);
    app.command({ id: "colours", title: "Colour rules", group: "Rows", keys: "k", run: () => this.open() });
  }

  /** Tells the worker, once it is there. */
  start() {
    if (this.#rules.length > 0) void this.#tell();
  }

  open() {
    this.#render();
    this.#dialog.showModal();
  }

  /** A rule for these rows, to be seen and changed at once. @param {string} filter */
  colour(filter) {
    const used = new Set(this.#rules.map(({ colour }) => colour));
    const free = COLOURS.findIndex((_, at) => !used.has(at));
    this.#set([{ filter, colour: Math.max(0, free), isOn: true }, ...this.#rules]);
    this.open();
  }

  /** @param {string} filter */
  #add(filter) {
    const used = new Set(this.#rules.map(({ colour }) => colour));
    const free = COLOURS.findIndex((_, at) => !used.has(at));
    this.#set([...this.#rules, { filter, colour: Math.max(0, free), isOn: true }]);
    this.#render();
    const inputs = this.#list.querySelectorAll("input[type=text]");
    const last = inputs[inputs.length - 1];
    if (last instanceof HTMLInputElement) last.select();
  }

  /** @param {Rule[]} rules */
  #set(rules) {
    this.#rules = rules;
    remember("colours", rules.length === 0 ? null : rules);
    void this.#tell();
  }

  async #tell() {
    this.#sets += 1;
    const set = this.#sets;
    const { capture } = this.#app;
    const used = this.#rules
      .map((rule, at) => ({ ...rule, at }))
      .filter(({ isOn, filter }) => isOn && filter.trim() !== "");
    // The capture begins without any.
    this.#isTold ||= used.length > 0;
    const problem = this.#isTold
      ? await capture.setColours(used.map(({ filter, colour }) => ({ filter, colour })))
      : undefined;
    if (set !== this.#sets) return;
    const wrong = problem ? used[problem.rule] : undefined;
    for (const [at, line] of [...this.#list.children].entries()) {
      const isWrong = wrong?.at === at;
      line.querySelector("input[type=text]")?.setAttribute("aria-invalid", String(isWrong));
      const words = line.querySelector(".rule-problem");
      if (words) words.textContent = isWrong ? (problem?.message ?? "") : "";
    }
  }

  #render() {
    this.#list.replaceChildren(...this.#rules.map((rule, at) => this.#line(rule, at)));
    void this.#tell();
  }

  /** @param {Rule} rule @param {number} at */
  #line(rule, at) {
    const { filter, colour, isOn } = rule;
    const change = (/** @type {Partial<Rule>} */ part) =>
      this.#set(this.#rules.map((other, place) => (place === at ? { ...other, ...part } : other)));
    const name = `rule ${at + 1}`;
    const used = el("input", { type: "checkbox", checked: isOn, "aria-label": `Use ${name}` });
    const text = el("input", {
      class: "rule-filter",
      type: "text",
      value: filter,
      spellcheck: false,
      autocomplete: "off",
      "aria-label": `Filter of ${name}`,
      "aria-describedby": `rule-problem-${at}`,
    });
    const hue = el(
      "select",
      { class: "rule-colour", "data-colour": colour, "aria-label": `Colour of ${name}` },
      ...COLOURS.map((words, value) => el("option", { value, selected: value === colour }, words)),
    );
    const up = el(
      "button",
      { class: "quiet", type: "button", "aria-label": `Move ${name} up`, disabled: at === 0 },
      "↑",
    );
    const down = el(
      "button",
      { class: "quiet", type: "button", "aria-label": `Move ${name} down`, disabled: at === this.#rules.length - 1 },
      "↓",
    );
    const drop = el("button", { class: "quiet", type: "button", "aria-label": `Delete ${name}` }, "×");
    on(used, "change", () => change({ isOn: used.checked }));
    on(text, "input", () => change({ filter: text.value }));
    on(hue, "change", () => {
      hue.dataset.colour = hue.value;
      change({ colour: Number(hue.value) });
    });
    const move = (/** @type {number} */ step) => {
      const rules = [...this.#rules];
      const [moved] = rules.splice(at, 1);
      if (moved) rules.splice(at + step, 0, moved);
      this.#set(rules);
      this.#render();
      const buttons = this.#list.children[at + step]?.querySelectorAll("button");
      const next = [...(buttons ?? [])].find((button) => !button.disabled);
      next?.focus();
    };
    on(up, "click", () => move(-1));
    on(down, "click", () => move(1));
    on(drop, "click", () => {
      this.#set(this.#rules.filter((_, place) => place !== at));
      this.#render();
    });
    return el(
      "li",
      { class: "rule" },
      used,
      text,
      hue,
      up,
      down,
      drop,
      el("span", { class: "rule-problem", id: `rule-problem-${at}`, role: "status" }),
    );
  }
}

/** @param {unknown} value @returns {Rule | null} */
function asRule(value) {
  const { filter, colour, isOn } = asObject(value) ?? {};
  if (typeof filter !== "string" || typeof colour !== "number") return null;
  return { filter, colour: Math.min(Math.max(0, Math.floor(colour)), COLOURS.length - 1), isOn: isOn !== false };
}
