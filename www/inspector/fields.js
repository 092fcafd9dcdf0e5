// @ts-check
// The fields of the chosen row as a tree, with what it breaks above and its message below.

import { closestWith, el, grouped, on } from "../lib/dom.js";
import { fieldsAt, flattened, litBy } from "./bytes.js";
import { sentenceOf } from "./findings.js";

/** @import { Explained, ViolationInfo } from "../pkg/framescope_wasm.js" */
/** @import { Details, FieldInfo } from "./app.js" */
/** @import { Lit } from "./bytes.js" */

/** What can be shown: a row of a capture, or a frame without one. @typedef {Explained & Partial<Details>} Shown */

export class FieldsView {
  #root;
  #point;
  #toRow;
  #toBytes;
  /** The fields in the order in which they stand. @type {FieldInfo[]} */
  #flat = [];
  /** @type {HTMLElement[]} */
  #items = [];
  #current = 0;
  #explains = false;
  /** @type {Shown | null} */
  #shown = null;
  /** What explains, once somebody has asked. @type {typeof import("./explain.js") | null} */
  #explainer = null;

  /**
   * @param {HTMLElement} root
   * @param {object} options
   * @param {(lit: Lit | null, isPicked: boolean) => void} options.point called when the user points at a field, and
   *   with `isPicked` when the choice is to stay
   * @param {(index: number) => void} options.toRow goes to another row
   * @param {() => void} options.toBytes goes to the bytes of the field
   * @param {AbortSignal} options.signal
   */
  constructor(root, { point, toRow, toBytes, signal }) {
    this.#root = root;
    this.#point = point;
    this.#toRow = toRow;
    this.#toBytes = toBytes;
    on(root, "pointerover", (event) => this.#pointed(event, false), signal);
    on(root, "click", (event) => this.#pointed(event, true), signal);
    on(root, "focusin", (event) => this.#pointed(event, true), signal);
    on(root, "pointerleave", () => point(null, false), signal);
    on(root, "keydown", (event) => this.#key(event), signal);
  }

  /** @param {Shown | null} details @param {boolean} [explains] whether a learner's texts are wanted */
  show(details, explains = false) {
    this.#explains = explains;
    this.#shown = details;
    if (explains && !this.#explainer) void this.#loadExplainer();
    this.#flat = [];
    this.#items = [];
    this.#current = 0;
    if (!details) {
      this.#root.replaceChildren(
        el(
          "p",
          { class: "hint" },
          "Choose a frame to see each of its fields: what it says, which bits it takes up, and which paragraph of the RFC it comes from.",
        ),
      );
      return;
    }
    const tree = el("div", { class: "fields-tree", role: "tree", "aria-label": "Fields" });
    this.#add(tree, details.fields, details, 1);
    this.#root.replaceChildren(
      ...details.violations.map((violation) => this.#violation(details, violation)),
      ...(details.row?.findings ?? []).map(finding),
      tree,
      ...this.#links(details),
    );
    this.#root.scrollTop = 0;
  }

  /** @param {Lit | null} lit @param {boolean} [isRevealed] */
  light(lit, isRevealed = false) {
    for (const [place, item] of this.#items.entries()) {
      const field = this.#flat[place];
      const isLit = field !== undefined && (lit?.fields.includes(field) ?? false);
      item.classList.toggle("lit", isLit);
      item.setAttribute("aria-selected", String(isLit));
    }
    const first = isRevealed ? this.#items.find((item) => item.classList.contains("lit")) : undefined;
    first?.scrollIntoView({ block: "nearest" });
  }

  /** The field at this place of the tree, from 0. @param {number} place @returns {FieldInfo | undefined} */
  at(place) {
    return this.#flat[place];
  }

  /** Takes the keyboard. */
  focus() {
    this.#items[this.#current]?.focus();
  }

  /** @param {HTMLElement} tree @param {FieldInfo[]} fields @param {Shown} details @param {number} level */
  #add(tree, fields, details, level) {
    for (const field of fields) {
      const place = this.#items.length;
      const item = el(
        "div",
        {
          class: "field",
          role: "treeitem",
          tabIndex: place === 0 ? 0 : -1,
          "aria-level": level,
          "aria-selected": "false",
          "data-field": field.name,
          "data-place": place,
          "data-verdict": field.verdict,
        },
        el("span", { class: "field-name" }, field.label),
        el("span", { class: "field-value", title: field.value }, field.value),
        el("span", { class: "field-place" }, placeText(field)),
        el("span", { class: "field-meaning" }, verdict(field), field.meaning),
        el("span", { class: "field-section" }, sectionLink(field.section)),
        this.#explained(this.#explainer?.explainField(field, details) ?? ""),
      );
      this.#flat.push(field);
      this.#items.push(item);
      tree.append(item);
      this.#add(tree, field.children, details, level + 1);
    }
  }

  /** A learner's text, if such are wanted. @param {string} text */
  #explained(text) {
    return this.#explains && text !== "" ? el("span", { class: "field-explain" }, text) : null;
  }

  async #loadExplainer() {
    this.#explainer = await import("./explain.js");
    if (this.#explains && this.#shown) this.show(this.#shown, true);
  }

  /** @param {Shown} details @param {ViolationInfo} violation */
  #violation(details, violation) {
    const isHandshake = Boolean(details.handshake);
    const card = el(
      "div",
      { class: "flaw-card", role: "group", "aria-label": `Violation: ${violation.name}` },
      el("span", { class: "flaw-title" }, `⚠ ${violation.name}`),
      el("span", {}, violation.says, " ", sectionLink(violation.section)),
      this.#explained(this.#explainer?.explainViolation(violation.name) ?? ""),
    );
    const outcome = el("span", { class: "flaw-outcome" });
    if (violation.code !== null) {
      const what = isHandshake ? "A strict server answers" : "A strict endpoint closes with";
      outcome.append(el("span", { class: "note" }, `${what} ${violation.code} ${violation.codeName}.`));
    }
    const { bytes } = violation;
    const field = fieldOf(details, violation);
    if (field) {
      const where = bytes && !isHandshake ? `First bad byte: ${grouped(bytes[0])}` : `See ${field.label}`;
      const show = el("button", { class: "link", type: "button" }, where);
      on(show, "click", () => {
        this.#point(litByViolation(details, violation), true);
        this.#toBytes();
      });
      outcome.append(show);
    }
    card.append(outcome);
    return card;
  }

  /** @param {Shown} details @returns {HTMLElement[]} */
  #links(details) {
    const { message, row } = details;
    const card = el("div", { class: "link-card" });
    if (message) {
      const how = message.compressed ? `, ${message.inflation}` : "";
      const frames = message.fragments === 1 ? "one frame" : `${grouped(message.fragments)} frames`;
      card.append(
        el(
          "span",
          {},
          `${message.number === null ? "Payload" : `Message ${grouped(message.number)}`}: ${message.kind}, ${grouped(message.length)} bytes, ${frames}${how}.`,
        ),
      );
    } else if (row?.fragment) {
      card.append(el("span", {}, "The message that this fragment belongs to is not complete yet."));
    }
    if (row?.fragment) {
      const { firstRow, lastRow } = row.fragment;
      if (firstRow !== row.index) card.append(this.#rowLink("First fragment", firstRow));
      if (lastRow !== null && lastRow !== row.index)
        card.append(this.#rowLink("Last fragment, with the whole message", lastRow));
    }
    return card.childElementCount > 0 ? [card] : [];
  }

  /** @param {string} text @param {number} index */
  #rowLink(text, index) {
    const link = el("button", { class: "link", type: "button" }, `${text} (no. ${grouped(index + 1)})`);
    on(link, "click", () => this.#toRow(index));
    return link;
  }

  /** @param {Event} event @param {boolean} isPicked */
  #pointed(event, isPicked) {
    const place = Number(closestWith(event, "data-place")?.dataset.place ?? -1);
    const field = this.#flat[place];
    if (!field) return;
    if (isPicked) this.#setCurrent(place);
    this.#point(litBy([field]), isPicked);
  }

  /** @param {number} place */
  #setCurrent(place) {
    const before = this.#items[this.#current];
    const item = this.#items[place];
    if (before) before.tabIndex = -1;
    if (item) item.tabIndex = 0;
    this.#current = place;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!closestWith(event, "data-place")) return;
    const last = this.#items.length - 1;
    const steps = new Map([
      ["ArrowUp", -1],
      ["ArrowDown", 1],
      ["Home", -last],
      ["End", last],
      ["PageUp", -8],
      ["PageDown", 8],
    ]);
    const step = steps.get(event.key);
    if (step !== undefined) {
      event.preventDefault();
      this.#setCurrent(Math.min(Math.max(0, this.#current + step), last));
      this.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#toBytes();
    }
  }
}

/**
 * A section as a link to its RFC, as `RFC 6455, 5.2`.
 *
 * @param {string} section
 * @returns {Node}
 */
export function sectionLink(section) {
  const match = /^RFC (\d+)(?:, ([\d.]+))?/.exec(section);
  if (!match) return document.createTextNode(section);
  const [, rfc, part] = match;
  const href = `https://www.rfc-editor.org/rfc/rfc${rfc}${part ? `#section-${part}` : ""}`;
  return el("a", { href, target: "_blank", rel: "noreferrer", tabIndex: -1 }, section);
}

/**
 * What is to be lit for the first rule that a row breaks.
 *
 * @param {Details} details
 * @returns {Lit | null}
 */
export function litByFirstViolation(details) {
  const [first] = details.violations;
  return first ? litByViolation(details, first) : null;
}

/** @param {Shown} details @param {ViolationInfo} violation @returns {Lit | null} */
function litByViolation(details, violation) {
  const field = fieldOf(details, violation);
  if (!field) return null;
  return violation.bytes ? { fields: [field], bytes: violation.bytes, bits: null } : litBy([field]);
}

/** @param {Shown} details @param {ViolationInfo} violation */
function fieldOf(details, { bytes, field }) {
  if (bytes) return fieldsAt(details.fields, bytes[0])[0];
  return flattened(details.fields).find(({ name }) => name === field);
}

/** What is certain of its connection from this row on. @param {string} name */
function finding(name) {
  return el(
    "div",
    { class: "flaw-card", role: "group", "aria-label": `Finding: ${name}` },
    el("span", { class: "flaw-title" }, `⚑ ${name}`),
    el("span", {}, sentenceOf(name)),
  );
}

/** @param {FieldInfo} field */
function placeText({ bits, bytes: [from, to] }) {
  if (bits) return bits[1] - bits[0] === 1 ? `bit ${bits[0]}` : `bits ${bits[0]}–${bits[1] - 1}`;
  if (from === to) return "";
  return to - from === 1 ? `byte ${grouped(from)}` : `bytes ${grouped(from)}–${grouped(to - 1)}`;
}

/** @param {FieldInfo} field */
function verdict(field) {
  if (field.verdict === "good") return el("span", { class: "verdict verdict-good" }, "✓ ");
  if (field.verdict === "bad") return el("span", { class: "verdict verdict-bad" }, "⚠ ");
  return null;
}
