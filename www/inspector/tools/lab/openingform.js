// @ts-check
// The form of the opening handshake, folded away until it is wanted.

import { el, on } from "../../../lib/dom.js";
import { area, box, Fields, line } from "./fields.js";
import { newOpening, openingBytes, rawOf } from "./opening.js";

/** @import { Problem } from "./frame.js" */
/** @import { Opening } from "./opening.js" */

export class OpeningForm {
  /** @type {Opening} */
  opening = newOpening();
  #fields;
  #element;
  #preview = el("pre", { class: "lab-head mono", "aria-label": "The request as it goes out" });
  #url;

  /**
   * @param {HTMLElement} root
   * @param {{ url: () => string | null, changed: () => void, signal: AbortSignal }} options `url`: where it goes
   */
  constructor(root, { url, changed, signal }) {
    this.#url = url;
    const fields = new Fields((name) => {
      Object.assign(this.opening, { [name]: fields.value(name) });
      if (name === "isRaw" && this.opening.isRaw && this.opening.raw.trim() === "") {
        this.opening.raw = rawOf(this.opening);
        fields.fill({ raw: this.opening.raw });
      }
      this.render();
      changed();
    }, signal);
    this.#fields = fields;
    this.#element = el(
      "details",
      { class: "lab-opening" },
      el("summary", {}, "Opening handshake"),
      el(
        "div",
        { class: "lab-form" },
        el(
          "div",
          { class: "lab-line" },
          fields.add("isRaw", "By hand, each byte", box()),
          fields.add("isByteByByte", "Written byte by byte", box()),
          fields.add("answersPings", "Answer pings", box(), { hint: "A client must (RFC 6455, 5.5.2)" }),
          fields.add("answersClose", "Answer a Close", box(), { hint: "A client must (RFC 6455, 5.5.1)" }),
        ),
        el(
          "div",
          { class: "lab-form", "data-of": "usual" },
          fields.add("protocols", "Subprotocols", line({ class: "mono", placeholder: "graphql-transport-ws, mqtt" })),
          fields.add("extensions", "Extensions offered", line({ class: "mono", placeholder: "none" })),
          fields.add(
            "headers",
            "Further headers",
            area({ class: "mono", rows: 2, placeholder: "Origin: https://example.org" }),
          ),
          this.#preview,
        ),
        el(
          "div",
          { class: "lab-form", "data-of": "raw" },
          fields.add(
            "raw",
            "The request; {host}, {path} and {key} are filled in, lines end in CR LF",
            area({ class: "mono", rows: 9 }),
          ),
        ),
      ),
    );
    root.append(this.#element);
    on(this.#element, "toggle", () => this.render(), signal);
    this.fill(this.opening);
  }

  /** @param {Opening} opening */
  fill(opening) {
    this.opening = { ...opening };
    this.#fields.fill({ ...opening });
    this.render();
  }

  /** The bytes of the request; null if there are none, which is then said at the field. */
  bytes() {
    const url = this.#url();
    if (!url) return null;
    const { bytes, problems } = openingBytes(this.opening, url);
    this.#fields.judge(problems);
    if (problems.length > 0) this.#element.open = true;
    return problems.length > 0 ? null : bytes;
  }

  render() {
    this.#element.dataset.by = this.opening.isRaw ? "raw" : "usual";
    const url = this.#url();
    /** @type {Problem[]} */
    let problems = [];
    if (url) {
      const made = openingBytes(this.opening, url);
      problems = made.problems;
      if (this.#element.open) this.#preview.textContent = new TextDecoder().decode(made.bytes).trimEnd();
    }
    this.#fields.judge(problems);
  }
}
