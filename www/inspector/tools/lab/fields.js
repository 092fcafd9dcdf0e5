// @ts-check
// Fields of a form with what is wrong with each beside it.

import { el, on } from "../../../lib/dom.js";

/** @import { Problem } from "./frame.js" */

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */

let made = 0;

export class Fields {
  /** @type {Map<string, Control>} */
  #controls = new Map();
  /** @type {Map<string, HTMLElement>} */
  #notes = new Map();
  #changed;
  #signal;

  /** @param {(name: string) => void} changed @param {AbortSignal} signal */
  constructor(changed, signal) {
    this.#changed = changed;
    this.#signal = signal;
  }

  /**
   * A control with its label and a place for what is wrong with it.
   *
   * @template {Control} T
   * @param {string} name
   * @param {string} label
   * @param {T} control
   * @param {{ isInline?: boolean, hint?: string }} [how]
   */
  add(name, label, control, { isInline = false, hint = "" } = {}) {
    made += 1;
    control.id = `lab-field-${made}`;
    const note = el("span", { class: "lab-problem", id: `${control.id}-note` });
    control.setAttribute("aria-describedby", note.id);
    this.#controls.set(name, control);
    this.#notes.set(name, note);
    const kind = control instanceof HTMLInputElement && control.type === "checkbox" ? "change" : "input";
    on(control, kind, () => this.#changed(name), this.#signal);
    const isBox = control instanceof HTMLInputElement && control.type === "checkbox";
    const words = el("label", { for: control.id, title: hint }, label);
    const parts = isBox ? [control, words] : [words, control];
    return el(
      "span",
      { class: `lab-field${isInline || isBox ? " lab-field-inline" : ""}`, "data-of": name },
      ...parts,
      note,
    );
  }

  /** @param {string} name */
  control(name) {
    return /** @type {Control} */ (this.#controls.get(name));
  }

  /** @param {string} name @returns {string | boolean} */
  value(name) {
    const control = this.control(name);
    return control instanceof HTMLInputElement && control.type === "checkbox" ? control.checked : control.value;
  }

  /** @param {Record<string, unknown>} values */
  fill(values) {
    for (const [name, control] of this.#controls) {
      const value = values[name];
      if (value === undefined) continue;
      if (control instanceof HTMLInputElement && control.type === "checkbox") control.checked = value === true;
      else if (control.value !== String(value)) control.value = String(value);
    }
  }

  /** Says of each field what is wrong with it, if anything is. @param {Problem[]} problems */
  judge(problems) {
    for (const [name, note] of this.#notes) {
      const says = problems.find(({ field }) => field === name)?.says ?? "";
      if (note.textContent !== says) note.textContent = says;
      this.control(name).setAttribute("aria-invalid", String(says !== ""));
    }
  }
}

/** @param {Record<string, string | number | boolean | null | undefined>} [properties] */
export const box = (properties = {}) => el("input", { type: "checkbox", ...properties });
/** @param {Record<string, string | number | boolean | null | undefined>} [properties] */
export const line = (properties = {}) =>
  el("input", { type: "text", autocomplete: "off", spellcheck: false, ...properties });
/** @param {[string, string][]} options @param {Record<string, string | number | boolean | null | undefined>} [properties] */
export const choice = (options, properties = {}) =>
  el("select", properties, ...options.map(([value, label]) => el("option", { value }, label)));
/** @param {Record<string, string | number | boolean | null | undefined>} [properties] */
export const area = (properties = {}) => el("textarea", { spellcheck: false, ...properties });
