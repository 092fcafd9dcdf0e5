// @ts-check
// What was sent, and under it what came back, until more was sent. Each line leads to its row in the list.

import { el, on } from "../../../lib/dom.js";
import { fromHex, preview } from "./bytes.js";
import { rowsOf } from "./captured.js";

/** @import { App } from "../../app.js" */
/** @import { DissectedFrame } from "../../../pkg/client/framescope_wasm.js" */
/** @import { Recording } from "./recorder.js" */

/** Older lines go. */
const LINES_MAX = 500;

/** Where a line's row is: the frame of this number in its direction, or the head of it. @typedef {{ recording: Recording, from: number, direction: "c2s" | "s2c", number: number }} Place */

export class Log {
  #app;
  #list = el("ol", { class: "lab-log", "aria-label": "What was sent and what came back" });
  #began = performance.now();
  #empty;

  /** @param {HTMLElement} root @param {App} app @param {string} empty what stands there before anything happened */
  constructor(root, app, empty) {
    this.#app = app;
    this.#empty = el("p", { class: "tool-note" }, empty);
    root.append(this.#empty, this.#list);
  }

  /** A new connection: times count from here. */
  begin() {
    this.#began = performance.now();
  }

  clear() {
    this.#list.replaceChildren();
    this.#empty.hidden = false;
  }

  /**
   * @param {"sent" | "came" | "note" | "bad" | "head"} kind
   * @param {string} name
   * @param {string} text
   * @param {Place} [place]
   */
  add(kind, name, text, place) {
    this.#empty.hidden = true;
    const isAtEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    const time = ((performance.now() - this.#began) / 1000).toFixed(3);
    const what = place
      ? el("button", { class: "link", type: "button", title: "Show its row in the list" }, name)
      : el("span", {}, name);
    if (place) on(what, "click", () => void showPlace(this.#app, place), this.#app.signal);
    const sign = { sent: "→", came: "←", head: "←", note: "·", bad: "⚠" }[kind];
    this.#list.append(
      el(
        "li",
        { class: "lab-log-line", "data-kind": kind },
        el("span", { class: "lab-log-time" }, time),
        el(
          "span",
          { class: "lab-log-sign", title: kind === "sent" ? "sent" : kind === "came" ? "came back" : "" },
          sign,
        ),
        what,
        el("span", { class: "lab-log-text mono" }, text),
      ),
    );
    while (this.#list.childElementCount > LINES_MAX) this.#list.firstElementChild?.remove();
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** A frame of the server's. @param {DissectedFrame} frame @param {Place} place */
  came(frame, place) {
    const rules = frame.violations.map(({ rule }) => rule);
    this.add(rules.length > 0 ? "bad" : "came", frameName(frame), [frameText(frame), ...rules].join(" · "), place);
  }
}

/** Selects the row of a place in the list. @param {App} app @param {Place} place */
export async function showPlace(app, { recording, from, direction, number }) {
  const handle = await recording.handle();
  const connection = handle === null ? undefined : await app.capture.clientConnection(handle);
  if (connection === undefined) {
    app.say("This connection is not in the list.", "warn");
    return;
  }
  let seen = 0;
  for await (const row of rowsOf(app, connection, from, app.signal)) {
    if (row.direction !== direction) continue;
    if (number === 0 ? row.kind !== "handshake" : row.kind !== "frame") continue;
    seen += 1;
    if (seen < number) continue;
    await showRow(app, row);
    return;
  }
  app.say("Its row is not held any more.", "warn");
}

/** Selects a row, also where the list shows another connection now. @param {App} app @param {{ index: number, connection: number | null }} row */
export async function showRow(app, { index, connection }) {
  if (app.view.connection !== null && app.view.connection !== connection) await app.setView({ connection: null });
  app.choose(index);
}

/** @param {DissectedFrame} frame */
export function frameName({ header, fragment, message }) {
  const isPart = fragment !== null && (!message || message.fragments > 1);
  return `${header.opcodeName}${isPart ? ` (fragment ${(fragment?.index ?? 0) + 1})` : ""}`;
}

/** @param {DissectedFrame} frame */
export function frameText({ payload, message, close, header }) {
  if (close) {
    const reason = new TextDecoder().decode(fromHex(close.reason));
    return `${close.code ?? "no code"}${reason ? ` ${reason}` : ""}`;
  }
  const bytes = fromHex(message && message.fragments === 1 ? message.payload : payload);
  const length = message ? message.payload.length / 2 : Number(header.payloadLength);
  return bytes.length === 0 ? "empty" : `${preview(bytes)} (${length} B${message?.compressed ? ", inflated" : ""})`;
}
