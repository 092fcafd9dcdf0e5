// @ts-check
// The frames that are held, oldest first, with how long they have been.

import { closestWith, el, on, size } from "../../../lib/dom.js";
import { preview } from "../lab/bytes.js";
import { opcodeName } from "../lab/frameform.js";

/** @import { Modules } from "../lab/modules.js" */
/** @import { Bytes, Direction, Held } from "./types.d.ts" */

/** So many rows are drawn; the rest is a number. */
const DRAWN = 300;

/** @type {Record<Direction, string>} */
export const DIRECTIONS = { c2s: "client → server", s2c: "server → client" };

/** What a frame is, as far as the module can tell. @param {Modules} modules @param {Held} held */
export function summary(modules, { bytes, inflated }) {
  const frame = modules.WebSocketFrame.load(bytes);
  if (!frame) return { name: "bytes", length: bytes.length, text: preview(bytes, 80), isCompressed: false };
  // The cast: wasm-bindgen's arrays are over memory that cannot be shared, which its types do not say.
  const payload = /** @type {Bytes} */ (inflated ?? frame.payload);
  const isCompressed = frame.rsv1;
  const name = `${opcodeName(frame.opcode)}${frame.fin ? "" : ", more to come"}`;
  frame.free();
  return { name, length: payload.length, text: preview(payload, 80), isCompressed };
}

/** @param {number} since milliseconds since 1970 */
export function age(since) {
  const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
  if (seconds < 60) return `${seconds}\u00A0s`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export class HeldList {
  #root;
  #modules;
  #choose;
  /** Rows by the key of their frame. @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #more = el("p", { class: "tool-note intercept-more", hidden: true });
  #list = el("div", { class: "intercept-list", role: "listbox", tabIndex: 0, "aria-label": "Held frames" });

  /**
   * @param {HTMLElement} root
   * @param {Modules} modules
   * @param {{ choose: (key: string) => void, act: (what: "forward" | "drop" | "edit" | "all") => void, signal: AbortSignal }} options
   */
  constructor(root, modules, { choose, act, signal }) {
    this.#root = root;
    this.#modules = modules;
    this.#choose = choose;
    root.append(this.#list, this.#more);
    on(
      this.#list,
      "click",
      (event) => {
        const key = closestWith(event, "data-key")?.dataset.key;
        if (key) choose(key);
      },
      signal,
    );
    on(
      this.#list,
      "keydown",
      (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
        if (step !== undefined) this.#move(step);
        else if (event.key === "f") act("forward");
        else if (event.key === "d") act("drop");
        else if (event.key === "a") act("all");
        else if (event.key === "e" || event.key === "Enter") act("edit");
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
      signal,
    );
  }

  focus() {
    this.#list.focus();
  }

  /** Whether it has the keyboard. */
  get hasFocus() {
    return document.activeElement === this.#list;
  }

  /** @param {number} step */
  #move(step) {
    const keys = [...this.#rows.keys()];
    const at = keys.findIndex((key) => this.#rows.get(key)?.getAttribute("aria-selected") === "true");
    const next = keys[Math.min(Math.max(0, at + step), keys.length - 1)];
    if (next) this.#choose(next);
  }

  /** @param {ReadonlyMap<string, Held>} held @param {string | null} chosen */
  render(held, chosen) {
    for (const [key, row] of this.#rows) {
      if (held.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let drawn = 0;
    for (const [key, frame] of held) {
      if (drawn >= DRAWN) break;
      drawn += 1;
      let row = this.#rows.get(key);
      if (!row) {
        row = this.#row(frame);
        this.#rows.set(key, row);
        this.#list.append(row);
      }
      const isChosen = key === chosen;
      if (row.getAttribute("aria-selected") === String(isChosen)) continue;
      row.setAttribute("aria-selected", String(isChosen));
      if (isChosen) {
        this.#list.setAttribute("aria-activedescendant", row.id);
        row.scrollIntoView({ block: "nearest" });
      }
    }
    this.#more.hidden = held.size <= DRAWN;
    this.#more.textContent = `and ${held.size - DRAWN} more behind them`;
    this.#root.hidden = held.size === 0;
    this.tick(held);
  }

  /** Time has passed. @param {ReadonlyMap<string, Held>} held */
  tick(held) {
    for (const [key, row] of this.#rows) {
      const frame = held.get(key);
      const cell = row.querySelector(".intercept-age");
      if (frame && cell) cell.textContent = age(frame.since);
    }
  }

  /** @param {Held} frame */
  #row(frame) {
    const { name, length, text, isCompressed } = summary(this.#modules, frame);
    const where = `${frame.desk.name === "proxy" ? "" : "own "}${frame.connection}`;
    return el(
      "div",
      {
        class: "intercept-row",
        role: "option",
        id: `intercept-${frame.key}`,
        "data-key": frame.key,
        "data-direction": frame.direction,
        "aria-selected": "false",
      },
      el("span", { class: "intercept-age mono" }, age(frame.since)),
      el("span", { class: "intercept-way", title: DIRECTIONS[frame.direction] }, frame.direction === "c2s" ? "→" : "←"),
      el("span", { class: "unseen" }, DIRECTIONS[frame.direction]),
      el("span", { class: "intercept-where", title: "connection" }, where),
      el("span", { class: "intercept-name" }, name),
      el("span", { class: "intercept-size mono" }, size(length)),
      el("span", { class: "intercept-text mono" }, `${isCompressed && !frame.inflated ? "(compressed) " : ""}${text}`),
    );
  }
}
