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
  /** Counts the connections that were shown: what is on its way for one of before comes too late. */
  #turn = 0;

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
      this.#turn += 1;
      this.#after = -1;
      this.#list.replaceChildren();
    }
    if (this.#list.childElementCount < PAGE) void this.#load();
  }

  async #load() {
    const connection = this.#connection;
    if (connection === null || this.#more.disabled) return;
    const turn = this.#turn;
    this.#more.disabled = true;
    try {
      const messages = await this.#app.capture.messagesOf(connection, this.#after, PAGE);
      if (turn !== this.#turn) return;
      for (const message of messages) {
        const entry = await this.#entry(message);
        if (turn !== this.#turn) return;
        this.#after = message.row;
        this.#list.append(entry);
      }
      this.#more.hidden = messages.length < PAGE;
    } finally {
      this.#more.disabled = false;
      // Another was chosen meanwhile, and had to wait.
      if (turn !== this.#turn) void this.#load();
    }
  }

  /** @param {StreamMessage} message */
  async #entry(message) {
    const { row, direction, kind, length, at } = message;
    const link = el("button", { class: "link", type: "button" }, `no. ${grouped(row + 1)}`);
    on(link, "click", () => this.#app.choose(row), this.#app.signal);
    const bytes = (await this.#app.capture.message(row)) ?? new Uint8Array();
    const whole = said(kind, bytes, SHORT);
    const words = el("pre", { class: "transcript-said" }, whole.slice(0, SHORT));
    const all = el("button", { class: "link", type: "button" }, `all ${size(length)}`);
    on(
      all,
      "click",
      () => {
        words.textContent = said(kind, bytes);
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
      words,
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
        const way = direction === "c2s" ? ">" : "<";
        pieces.push(`${moment(at, 1)} ${way} ${kind}\n${said(kind, bytes)}\n\n`);
        after = row;
      }
      if (messages.length < PAGE) break;
    }
    this.#app.download(`connection-${connection}.txt`, "text/plain", pieces);
  }
}

/**
 * What was said, as text where it is text: pings mostly carry some, a Close has its code in front of it.
 *
 * @param {string} kind
 * @param {Uint8Array} bytes
 * @param {number} [most] so many bytes, of what is no text
 */
function said(kind, bytes, most = bytes.length) {
  if (kind === "text") return new TextDecoder().decode(bytes);
  const [high, low] = bytes;
  const hasCode = kind === "close" && high !== undefined && low !== undefined;
  const text = kind === "binary" ? null : printable(hasCode ? bytes.subarray(2) : bytes);
  if (text === null) return hex(bytes.subarray(0, most));
  return hasCode ? `${high * 256 + low} ${text}`.trimEnd() : text;
}

/** The text that it is; null if it is none that could be read. @param {Uint8Array} bytes */
function printable(bytes) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return /\p{Cc}/u.test(text) ? null : text;
  } catch {
    return null;
  }
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
