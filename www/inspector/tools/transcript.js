// @ts-check
// All messages of one connection, one below the other, each side in its own place: what Wireshark calls following a
// stream, with messages in place of bytes.

import { el, grouped, on, size } from "../../lib/dom.js";
import { moment } from "./times.js";

/** @import { App } from "../app.js" */
/** @import { StreamMessage } from "../../pkg/framescope_wasm.js" */

/** Messages fetched at a time. */
const PAGE = 100;

/** So much of a message is shown before one asks for all of it. */
const SHORT = 2000;

export class Transcript {
  #app;
  element = el("div", { class: "transcript" });
  #list = el("ol", { class: "transcript-list" });
  #more = el("button", { class: "quiet", type: "button", hidden: true }, "More");
  #save = el("button", { class: "quiet", type: "button" }, "Save as text");
  /** @type {number | null} */
  #connection = null;
  /** The row after which to go on. */
  #after = -1;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    on(this.#more, "click", () => void this.#load(), app.signal);
    on(this.#save, "click", () => void this.#download(), app.signal);
    this.element.append(el("div", { class: "tool-bar" }, this.#save), this.#list, this.#more);
  }

  /** @param {number} connection */
  show(connection) {
    if (connection !== this.#connection) {
      this.#connection = connection;
      this.#after = -1;
      this.#list.replaceChildren();
    }
    if (this.#list.childElementCount < PAGE) void this.#load();
  }

  async #load() {
    const connection = this.#connection;
    if (connection === null || this.#more.disabled) return;
    this.#more.disabled = true;
    try {
      const messages = await this.#app.capture.messagesOf(connection, this.#after, PAGE);
      if (connection !== this.#connection) return;
      for (const message of messages) {
        this.#after = message.row;
        this.#list.append(await this.#entry(message));
      }
      this.#more.hidden = messages.length < PAGE;
    } finally {
      this.#more.disabled = false;
    }
  }

  /** @param {StreamMessage} message */
  async #entry(message) {
    const { row, direction, kind, length, at } = message;
    const link = el("button", { class: "link", type: "button" }, `no. ${grouped(row + 1)}`);
    on(link, "click", () => this.#app.choose(row), this.#app.signal);
    const bytes = (await this.#app.capture.message(row)) ?? new Uint8Array();
    const whole = kind === "text" ? new TextDecoder().decode(bytes) : hex(bytes.subarray(0, SHORT));
    const said = el("pre", { class: "transcript-said" }, whole.slice(0, SHORT));
    const all = el("button", { class: "link", type: "button" }, `all ${size(length)}`);
    on(
      all,
      "click",
      () => {
        said.textContent = kind === "text" ? whole : hex(bytes);
        all.hidden = true;
      },
      this.#app.signal,
    );
    return el(
      "li",
      { class: "transcript-entry", "data-way": direction },
      el(
        "div",
        { class: "transcript-head" },
        `${direction === "c2s" ? "Client" : "Server"} · ${kind} · ${size(length)} · ${moment(at, 1e5)} · `,
        link,
        bytes.length > SHORT ? " · " : "",
        bytes.length > SHORT && all,
      ),
      said,
    );
  }

  async #download() {
    const connection = this.#connection;
    if (connection === null) return;
    /** @type {BlobPart[]} */
    const pieces = [];
    for (let after = -1; ; ) {
      const messages = await this.#app.capture.messagesOf(connection, after, PAGE);
      for (const { row, direction, kind, at } of messages) {
        const bytes = (await this.#app.capture.message(row)) ?? new Uint8Array();
        const said = kind === "text" ? new TextDecoder().decode(bytes) : hex(bytes);
        pieces.push(`${moment(at, 1)} ${direction === "c2s" ? ">" : "<"} ${kind}\n${said}\n\n`);
        after = row;
      }
      if (messages.length < PAGE) break;
    }
    this.#app.download(`connection-${connection}.txt`, "text/plain", pieces);
  }
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
