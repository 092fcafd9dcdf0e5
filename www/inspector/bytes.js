// @ts-check
// The bytes of a frame: the first two bit by bit, then all of them in hex and as text. Which field a bit or
// byte belongs to comes from the module; this file only lights it.

import { closestWith, el, on } from "../lib/dom.js";
import { VirtualList } from "./list.js";

/** @import { FieldInfo } from "../pkg/framescope_wasm.js" */

/**
 * What is lit: fields, with the bytes they take up and, for the header's, the bits.
 *
 * @typedef {{ fields: FieldInfo[], bytes: [number, number], bits: [number, number] | null }} Lit
 */

/** The bits that are drawn one by one: those of the two bytes that every frame has. */
const DRAWN_BITS = 16;

/** Short names that fit under a single bit. */
const SHORT = new Map([["payload-length", "length"]]);

/**
 * Every field, parents before their children.
 *
 * @param {FieldInfo[]} fields
 * @returns {FieldInfo[]}
 */
export function flattened(fields) {
  return fields.flatMap((field) => [field, ...flattened(field.children)]);
}

/**
 * What lights up for these fields.
 *
 * @param {FieldInfo[]} fields
 * @returns {Lit | null}
 */
export function litBy(fields) {
  const [first, ...more] = fields;
  if (!first) return null;
  /** @type {[number, number]} */
  const bytes = [...first.bytes];
  /** @type {[number, number] | null} */
  let bits = first.bits && [...first.bits];
  for (const field of more) {
    bytes[0] = Math.min(bytes[0], field.bytes[0]);
    bytes[1] = Math.max(bytes[1], field.bytes[1]);
    if (bits && field.bits) bits = [Math.min(bits[0], field.bits[0]), Math.max(bits[1], field.bits[1])];
  }
  return { fields, bytes, bits };
}

/**
 * The smallest fields that have a part in this byte.
 *
 * @param {FieldInfo[]} fields
 * @param {number} offset
 * @returns {FieldInfo[]}
 */
export function fieldsAt(fields, offset) {
  const here = fields.filter((field) => field.bytes[0] <= offset && offset < field.bytes[1]);
  return here.flatMap((field) => {
    const inside = fieldsAt(field.children, offset);
    return inside.length > 0 ? inside : [field];
  });
}

export class BytesView {
  #root;
  #bits;
  #grid;
  #list;
  #point;
  #columns = 16;
  /** @type {Uint8Array} */
  #bytes = new Uint8Array();
  /** @type {FieldInfo[]} */
  #fields = [];
  /** @type {[number, number][]} */
  #bad = [];
  /** @type {Lit | null} */
  #lit = null;
  #cursor = -1;
  #bitCursor = -1;

  /**
   * @param {HTMLElement} root
   * @param {object} options
   * @param {string} options.label
   * @param {(lit: Lit | null, isPicked: boolean) => void} options.point called when the user points at bytes or
   *   bits (or away from them), and with `isPicked` when the choice is to stay
   * @param {AbortSignal} options.signal
   */
  constructor(root, { label, point, signal }) {
    this.#root = root;
    this.#point = point;
    this.#bits = el("div", {
      class: "bits",
      role: "listbox",
      tabIndex: 0,
      "aria-orientation": "horizontal",
      "aria-label": "The first two bytes, bit by bit",
    });
    this.#grid = el("div", {
      class: "scroller dump-grid",
      role: "grid",
      tabIndex: 0,
      "aria-label": label,
      "aria-readonly": "true",
    });
    root.append(this.#bits, this.#grid);
    this.#list = new VirtualList(this.#grid, {
      rowHeight: "--byte-row",
      draw: (row, index) => this.#drawRow(row, index),
      signal,
    });

    const observer = new ResizeObserver(() => this.#fit());
    observer.observe(root);
    signal.addEventListener("abort", () => observer.disconnect());
    on(this.#bits, "pointerover", (event) => this.#pointAtBit(event, false), signal);
    on(this.#bits, "click", (event) => this.#pointAtBit(event, true), signal);
    on(this.#grid, "pointerover", (event) => this.#pointAtByte(event, false), signal);
    on(this.#grid, "click", (event) => this.#pointAtByte(event, true), signal);
    on(root, "pointerleave", () => point(null, false), signal);
    on(this.#bits, "keydown", (event) => this.#bitKey(event), signal);
    on(this.#grid, "keydown", (event) => this.#byteKey(event), signal);
  }

  /**
   * Shows these bytes.
   *
   * @param {Uint8Array} bytes
   * @param {FieldInfo[]} fields that say which byte is what
   * @param {[number, number][]} bad ranges that break a rule
   */
  show(bytes, fields, bad) {
    this.#bytes = bytes;
    this.#fields = fields;
    this.#bad = bad;
    this.#cursor = -1;
    this.#bitCursor = -1;
    this.#lit = null;
    this.#drawBits();
    this.#list.setCount(Math.ceil(bytes.length / this.#columns));
    this.#list.showStart();
    this.#list.redraw();
    this.#grid.setAttribute("aria-rowcount", String(this.#list.count));
    this.#grid.removeAttribute("aria-activedescendant");
    this.#bits.removeAttribute("aria-activedescendant");
  }

  /**
   * Shows the same bytes in another guise: masked or not.
   *
   * @param {Uint8Array} bytes of the same length
   */
  swap(bytes) {
    this.#bytes = bytes;
    this.#list.redraw();
  }

  /**
   * Lights what is pointed at, here or elsewhere.
   *
   * @param {Lit | null} lit
   * @param {boolean} [isRevealed] whether to scroll there
   */
  light(lit, isRevealed = false) {
    this.#lit = lit;
    this.#lightBits();
    if (lit && isRevealed) this.#list.reveal(Math.floor(lit.bytes[0] / this.#columns));
    this.#list.redraw();
  }

  /** Takes the keyboard, at the first byte that is lit. */
  focus() {
    this.#grid.focus();
    this.#moveCursor(this.#lit?.bytes[0] ?? Math.max(0, this.#cursor));
  }

  #fit() {
    const width = this.#root.clientWidth;
    if (width === 0) return;
    const columns = width >= 548 ? 16 : width >= 332 ? 8 : 4;
    if (columns === this.#columns) return;
    this.#columns = columns;
    this.#list.setCount(Math.ceil(this.#bytes.length / columns));
    this.#list.redraw();
  }

  #drawBits() {
    const header = this.#fields.filter((field) => field.bits !== null);
    this.#bits.hidden = header.length === 0 || this.#bytes.length < 2;
    if (this.#bits.hidden) return;
    /** @type {HTMLElement[]} */
    const parts = [];
    for (const field of header) {
      const [from, to] = field.bits ?? [0, 0];
      if (from >= DRAWN_BITS) continue;
      for (let bit = from; bit < to; bit += 1) {
        const value = ((this.#bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
        const cell = el(
          "span",
          {
            class: "bit",
            id: `${this.#root.id}-bit-${bit}`,
            role: "option",
            "data-field": field.name,
            "data-bit": bit,
            "aria-selected": "false",
            "aria-label": `bit ${bit}: ${value}, ${field.label}`,
          },
          String(value),
        );
        cell.style.gridColumn = String(column(bit));
        parts.push(cell);
      }
      const name = el(
        "span",
        {
          class: to - from === 1 ? "bit-name bit-name-single" : "bit-name",
          "data-field": field.name,
          "aria-hidden": "true",
          title: `${field.label}: ${field.value}`,
        },
        SHORT.get(field.name) ?? field.label,
      );
      name.style.gridColumn = `${column(from)} / ${column(to - 1) + 1}`;
      parts.push(name);
    }
    this.#bits.replaceChildren(...parts);
  }

  #lightBits() {
    const bits = this.#lit?.bits;
    for (const cell of this.#bits.children) {
      if (!(cell instanceof HTMLElement)) continue;
      const bit = Number(cell.dataset.bit ?? -1);
      const isLit =
        cell.dataset.bit === undefined
          ? (this.#lit?.fields.some((field) => field.name === cell.dataset.field) ?? false)
          : bits !== null && bits !== undefined && bits[0] <= bit && bit < bits[1];
      cell.classList.toggle("lit", isLit);
      cell.classList.toggle("cursor", bit === this.#bitCursor && bit >= 0);
      if (cell.dataset.bit !== undefined) cell.setAttribute("aria-selected", String(isLit));
    }
  }

  /** @param {HTMLElement} row @param {number} index */
  #drawRow(row, index) {
    const from = index * this.#columns;
    let [offset, bytes, glyphs] = row.children;
    if (!(offset && bytes && glyphs) || bytes.children.length !== this.#columns) {
      row.className = "byte-row";
      row.setAttribute("role", "row");
      row.style.setProperty("--columns", String(this.#columns));
      offset = el("span", { class: "byte-offset", role: "rowheader" });
      bytes = el(
        "span",
        { class: "byte-cells", role: "presentation" },
        ...Array.from({ length: this.#columns }, () => el("span", { class: "byte", role: "gridcell" })),
      );
      glyphs = el(
        "span",
        { class: "glyph-cells", "aria-hidden": "true" },
        ...Array.from({ length: this.#columns }, () => el("span", { class: "glyph" })),
      );
      row.replaceChildren(offset, bytes, glyphs);
    }
    row.setAttribute("aria-rowindex", String(index + 1));
    offset.textContent = from.toString(16).padStart(this.#bytes.length > 0xfffff ? 8 : 5, "0");
    for (let place = 0; place < this.#columns; place += 1) {
      this.#drawByte(
        /** @type {HTMLElement} */ (bytes.children[place]),
        /** @type {HTMLElement} */ (glyphs.children[place]),
        from + place,
      );
    }
  }

  /** @param {HTMLElement} cell @param {HTMLElement} glyph @param {number} at */
  #drawByte(cell, glyph, at) {
    const value = this.#bytes[at];
    if (value === undefined) {
      for (const empty of [cell, glyph]) {
        empty.textContent = "";
        empty.className = empty === cell ? "byte" : "glyph";
        empty.removeAttribute("data-byte");
        empty.removeAttribute("data-field");
      }
      cell.removeAttribute("id");
      cell.removeAttribute("aria-label");
      return;
    }
    const fields = fieldsAt(this.#fields, at);
    // Where fields share a byte it takes the hue of the largest.
    const field = fields.at(-1);
    const hex = value.toString(16).padStart(2, "0");
    const isPrintable = value >= 0x20 && value < 0x7f;
    const isLit = this.#lit !== null && this.#lit.bytes[0] <= at && at < this.#lit.bytes[1];
    const isBad = this.#bad.some(([from, to]) => from <= at && at < to);
    cell.textContent = hex;
    cell.id = `${this.#root.id}-${at}`;
    cell.setAttribute(
      "aria-label",
      `byte ${at}: ${hex}${isPrintable ? `, ${String.fromCharCode(value)}` : ""}${field ? `, ${fields.map((each) => each.label).join(", ")}` : ""}${isBad ? ", breaks a rule" : ""}`,
    );
    cell.className = `byte${isLit ? " lit" : ""}${isBad ? " byte-bad" : ""}${at === this.#cursor ? " cursor" : ""}`;
    glyph.textContent = isPrintable ? String.fromCharCode(value) : "·";
    glyph.className = `glyph${isLit ? " lit" : ""}${isPrintable ? "" : " glyph-none"}${at === this.#cursor ? " cursor" : ""}`;
    for (const each of [cell, glyph]) {
      each.dataset.byte = String(at);
      if (field) each.dataset.field = field.name;
      else each.removeAttribute("data-field");
    }
  }

  /** @param {Event} event @param {boolean} isPicked */
  #pointAtBit(event, isPicked) {
    const cell = closestWith(event, "data-field");
    if (!cell) return;
    const lit = litBy(this.#fields.filter((field) => field.name === cell.dataset.field));
    if (isPicked) this.#bitCursor = Number(cell.dataset.bit ?? lit?.bits?.[0] ?? -1);
    this.#point(lit, isPicked);
  }

  /** @param {Event} event @param {boolean} isPicked */
  #pointAtByte(event, isPicked) {
    const at = closestWith(event, "data-byte")?.dataset.byte;
    if (at === undefined) return;
    if (isPicked) this.#moveCursor(Number(at));
    else this.#point(litBy(fieldsAt(this.#fields, Number(at))), false);
  }

  /** @param {number} to */
  #moveCursor(to) {
    if (this.#bytes.length === 0) return;
    this.#cursor = Math.min(Math.max(0, to), this.#bytes.length - 1);
    this.#list.reveal(Math.floor(this.#cursor / this.#columns));
    this.#grid.setAttribute("aria-activedescendant", `${this.#root.id}-${this.#cursor}`);
    this.#point(litBy(fieldsAt(this.#fields, this.#cursor)), true);
    this.#list.redraw();
  }

  /** @param {KeyboardEvent} event */
  #byteKey(event) {
    const steps = new Map([
      ["ArrowLeft", -1],
      ["ArrowRight", 1],
      ["ArrowUp", -this.#columns],
      ["ArrowDown", this.#columns],
      ["PageUp", -this.#columns * this.#list.page],
      ["PageDown", this.#columns * this.#list.page],
      ["Home", -this.#bytes.length],
      ["End", this.#bytes.length],
    ]);
    const step = steps.get(event.key);
    if (step === undefined) return;
    event.preventDefault();
    this.#moveCursor(this.#cursor < 0 ? 0 : this.#cursor + step);
  }

  /** @param {KeyboardEvent} event */
  #bitKey(event) {
    const steps = new Map([
      ["ArrowLeft", -1],
      ["ArrowRight", 1],
      ["Home", -DRAWN_BITS],
      ["End", DRAWN_BITS],
    ]);
    const step = steps.get(event.key);
    if (step === undefined) return;
    event.preventDefault();
    this.#bitCursor = Math.min(Math.max(0, this.#bitCursor + step), DRAWN_BITS - 1);
    this.#bits.setAttribute("aria-activedescendant", `${this.#root.id}-bit-${this.#bitCursor}`);
    const here = (/** @type {FieldInfo} */ field) =>
      field.bits !== null && field.bits[0] <= this.#bitCursor && this.#bitCursor < field.bits[1];
    this.#point(litBy(this.#fields.filter(here)), true);
  }
}

/**
 * The grid column of a bit: the ninth column is the space between the two bytes.
 *
 * @param {number} bit
 * @returns {number}
 */
function column(bit) {
  return bit + (bit < 8 ? 1 : 2);
}
