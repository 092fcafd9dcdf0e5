// @ts-check
// Compositions under a name: kept, taken out again, forgotten.

import { el, on } from "../../../lib/dom.js";
import { EXAMPLES } from "./examples.js";
import { readSaved, writeSaved } from "./saved.js";

/** @import { App } from "../../app.js" */
/** @import { Composition } from "./saved.js" */

/** What stands before the names of each kind. */
const SAVED = "saved ";
const EXAMPLE = "given ";

export class Shelf {
  #app;
  #names = el("select", { "aria-label": "Saved compositions and examples" });
  #forget = el("button", { class: "quiet", type: "button" }, "Forget");
  #form = el("form", { class: "lab-line lab-shelf" });
  #read;
  #write;

  /**
   * @param {HTMLElement} root
   * @param {object} options
   * @param {App} options.app
   * @param {() => Composition} options.read
   * @param {(kept: Composition) => void} options.write
   * @param {AbortSignal} options.signal
   */
  constructor(root, { app, read, write, signal }) {
    this.#app = app;
    this.#read = read;
    this.#write = write;
    const name = el("input", {
      type: "text",
      class: "lab-name",
      placeholder: "Name",
      "aria-label": "Name to save it under",
      maxLength: 60,
    });
    this.#form.append(name, el("button", { class: "quiet", type: "submit" }, "Save"), this.#names, this.#forget);
    root.append(this.#form);
    on(
      this.#form,
      "submit",
      (event) => {
        event.preventDefault();
        this.#save(name.value.trim());
      },
      signal,
    );
    on(this.#names, "change", () => this.#take(name), signal);
    on(this.#forget, "click", () => this.#drop(), signal);
    this.#render("");
  }

  /** @param {string} name */
  #save(name) {
    if (name === "") {
      this.#app.say("A composition is saved under a name.", "warn");
      this.#form.querySelector("input")?.focus();
      return;
    }
    const kept = this.#read();
    const hasFile = kept.items.some((item) => item.type === "frame" && item.payloadAs === "file");
    const all = readSaved();
    all.delete(name);
    all.set(name, kept);
    const isKept = writeSaved(all);
    this.#render(name);
    if (!isKept) this.#app.say("This browser keeps no more.", "danger");
    else this.#app.say(hasFile ? `Saved as “${name}”, without the file itself.` : `Saved as “${name}”.`);
  }

  /** @param {HTMLInputElement} name */
  #take(name) {
    const { value } = this.#names;
    const example = value.startsWith(EXAMPLE) ? EXAMPLES.get(value.slice(EXAMPLE.length)) : undefined;
    const kept = example ?? readSaved().get(value.slice(SAVED.length));
    this.#forget.disabled = !kept || example !== undefined;
    if (!kept) return;
    name.value = value.slice(SAVED.length);
    this.#write(example ? { ...structuredClone(example), opening: this.#read().opening } : kept);
  }

  #drop() {
    const all = readSaved();
    all.delete(this.#names.value.slice(SAVED.length));
    writeSaved(all);
    this.#render("");
  }

  /** @param {string} chosen */
  #render(chosen) {
    const names = [...readSaved().keys()].toSorted((one, other) => one.localeCompare(other));
    const group = (/** @type {string} */ label, /** @type {string} */ prefix, /** @type {string[]} */ listed) =>
      el("optgroup", { label }, ...listed.map((each) => el("option", { value: prefix + each }, each)));
    this.#names.replaceChildren(
      el("option", { value: "" }, "take out …"),
      ...(names.length > 0 ? [group("Saved", SAVED, names)] : []),
      group("Examples", EXAMPLE, [...EXAMPLES.keys()]),
    );
    this.#names.value = names.includes(chosen) ? SAVED + chosen : "";
    this.#forget.disabled = this.#names.value === "";
  }
}
