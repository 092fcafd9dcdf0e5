// @ts-check
// What the inspector would show of the bytes that are being composed: the same fields, bits and rules, as one types.

import { el, on } from "../../../lib/dom.js";
import { BytesView } from "../../bytes.js";
import { FieldsView } from "../../fields.js";

/** @import { App } from "../../app.js" */
/** @import { Lit } from "../../bytes.js" */
/** @import { Explained } from "../../../pkg/client/framescope_wasm.js" */
/** @import { Bytes } from "./bytes.js" */

let made = 0;

export class Decoded {
  #fields;
  #bytes;
  #app;
  #note = el("span", { class: "tool-note", role: "status" });
  #previous = el("button", { class: "quiet", type: "button", "aria-label": "The frame before" }, "‹");
  #next = el("button", { class: "quiet", type: "button", "aria-label": "The next frame" }, "›");
  /** @type {Explained[]} */
  #frames = [];
  #at = 0;
  /** @type {Bytes} */
  #wire = new Uint8Array();
  /** @type {Lit | null} */
  #picked = null;

  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.#app = app;
    made += 1;
    const fields = el("div", { class: "lab-fields" });
    const bytes = el("div", { class: "dump lab-dump", id: `lab-bytes-${made}` });
    root.append(
      el(
        "div",
        { class: "lab-decoded-bar" },
        el("h3", { class: "tool-title" }, "Decoded"),
        this.#note,
        this.#previous,
        this.#next,
      ),
      fields,
      bytes,
    );
    const { signal } = app;
    const point = (/** @type {Lit | null} */ lit, /** @type {boolean} */ isPicked) => this.#point(lit, isPicked);
    this.#fields = new FieldsView(fields, { point, toRow: () => {}, toBytes: () => this.#bytes.focus(), signal });
    this.#bytes = new BytesView(bytes, { label: "Bytes of the composed frame", point, signal });
    on(this.#previous, "click", () => this.#turn(-1), signal);
    on(this.#next, "click", () => this.#turn(1), signal);
  }

  /**
   * @param {Bytes} wire
   * @param {Explained[]} frames in these bytes
   * @param {string} note
   */
  show(wire, frames, note) {
    this.#frames = frames;
    this.#wire = wire;
    this.#at = Math.min(this.#at, Math.max(0, frames.length - 1));
    this.#note.textContent = note;
    this.#render();
  }

  /** @param {number} step */
  #turn(step) {
    this.#at = Math.min(Math.max(0, this.#at + step), this.#frames.length - 1);
    this.#render();
  }

  #render() {
    const frame = this.#frames[this.#at];
    const isMany = this.#frames.length > 1;
    this.#previous.hidden = !isMany;
    this.#next.hidden = !isMany;
    this.#previous.disabled = this.#at === 0;
    this.#next.disabled = this.#at >= this.#frames.length - 1;
    if (isMany) this.#note.textContent = `Frame ${this.#at + 1} of ${this.#frames.length}`;
    this.#picked = null;
    this.#fields.show(frame ?? null, this.#app.explains);
    const from = this.#frames.slice(0, this.#at).reduce((sum, { fields }) => sum + lengthOf(fields), 0);
    const bytes = frame ? this.#wire.subarray(from, from + lengthOf(frame.fields)) : new Uint8Array();
    const bad = frame?.violations.flatMap((violation) => (violation.bytes ? [violation.bytes] : [])) ?? [];
    this.#bytes.show(bytes, frame?.fields ?? [], bad);
  }

  /** @param {Lit | null} lit @param {boolean} isPicked */
  #point(lit, isPicked) {
    if (isPicked) this.#picked = lit;
    const shown = lit ?? this.#picked;
    this.#fields.light(shown, isPicked);
    this.#bytes.light(shown, isPicked);
  }
}

/** How many bytes fields take up, which tile them. @param {Explained["fields"]} fields */
export function lengthOf(fields) {
  return fields.reduce((end, { bytes }) => Math.max(end, bytes[1]), 0);
}
