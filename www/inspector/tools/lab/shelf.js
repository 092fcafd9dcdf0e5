// @ts-check
// Compositions under a name: kept, taken out again, forgotten.

import { el, on } from "../../../lib/dom.js";
import { readSaved, writeSaved } from "./saved.js";

/** @import { App } from "../../app.js" */
/** @import { Composition } from "./saved.js" */

export class Shelf {
  #app;
  #names = el("select", { "aria-label": "Saved compositions" });
  #forget = el("button", { class: "quiet", type: "button" }, "Forget");
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
    const form = el(
      "form",
      { class: "lab-line lab-shelf" },
      name,
      el("button", { class: "quiet", type: "submit" }, "Save"),
      this.#names,
      this.#forget,
    );
    root.append(form);
    on(
      form,
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
    const kept = readSaved().get(this.#names.value);
    this.#forget.disabled = !kept;
    if (!kept) return;
    name.value = this.#names.value;
    this.#write(kept);
  }

  #drop() {
    const all = readSaved();
    all.delete(this.#names.value);
    writeSaved(all);
    this.#render("");
  }

  /** @param {string} chosen */
  #render(chosen) {
    const names = [...readSaved().keys()].toSorted((one, other) => one.localeCompare(other));
    this.#names.replaceChildren(
      el("option", { value: "" }, names.length === 0 ? "nothing saved" : "saved …"),
      ...names.map((name) => el("option", { value: name }, name)),
    );
    this.#names.value = names.includes(chosen) ? chosen : "";
    this.#forget.disabled = this.#names.value === "";
  }
}
