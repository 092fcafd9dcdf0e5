// @ts-check
// Messages in the terms of their subprotocols. The module that knows them is loaded with the first message that is
// shown; until it is there, rows come without.

import { loadReader } from "../../lib/wasm.js";

/** @import { Row, Details } from "../app.js" */
/** @import { Spoken, StreamMessage } from "../../pkg/framescope_wasm.js" */
/** @import { Speech } from "../../pkg/reader/framescope_wasm.js" */
/** @import { Context } from "./types.js" */

/** What a connection begins with says what is spoken on it: so many messages are listened to. */
const HEARD = 16;

/** One protocol's packets go over the ends of messages: there all messages are heard, up to so many at a time. */
const BUNDLED = "mqtt";
const HEARD_ALL = 20_000;

/** Longer messages get no word of their own in a list. */
const LABELLED = 64 << 10;

/** @typedef {{ speech: Speech, heard: number, after: number }} Listener */

export class Speeches {
  #context;
  /** @type {typeof import("../../pkg/reader/framescope_wasm.js") | null} */
  #reader = null;
  #isAsked = false;
  /** By the number of the connection. @type {Map<number, Listener>} */
  #listeners = new Map();
  /** Grows when rows that were given out without a word would now have one. */
  generation = 0;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
  }

  /** Adds to rows what their messages are. @param {Row[]} rows */
  label(rows) {
    for (const row of rows) row.subprotocol = this.#isMessage(row) ? this.#labelOf(row) : null;
    return rows;
  }

  /** Adds the message in all its parts. @param {Details | undefined} details */
  decode(details) {
    if (!details) return details;
    const { row } = details;
    const isMessage = this.#isMessage(row) && details.message?.whole === true;
    row.subprotocol = isMessage ? this.#labelOf(row) : null;
    details.decoded = isMessage ? this.#decodedOf(row, details.message?.kind === "text") : null;
    return details;
  }

  /** Rows were forgotten, and with them what was heard. */
  clear() {
    for (const { speech } of this.#listeners.values()) speech.free();
    this.#listeners.clear();
  }

  /** Whether it completes a message of text or bytes. @param {Row} row */
  #isMessage({ kind, name, fin, connection }) {
    return kind === "frame" && fin && connection !== null && ["text", "binary", "continuation"].includes(name);
  }

  /** @param {Row} row */
  #labelOf(row) {
    return this.#ask(row, (speech, [direction, isText, bytes]) =>
      bytes.length > LABELLED ? speech.name() : speech.label(direction, isText, bytes, row.index),
    );
  }

  /** @param {Row} row @param {boolean} isText */
  #decodedOf(row, isText) {
    const text = this.#ask(row, (speech, [direction, , bytes]) => speech.decode(direction, isText, bytes, row.index));
    return text === null ? null : JSON.parse(text);
  }

  /**
   * @param {Row} row
   * @param {(speech: Speech, said: [string, boolean, Uint8Array]) => string | undefined} ask
   * @returns {string | null}
   */
  #ask(row, ask) {
    const reader = this.#reader;
    if (!reader) {
      void this.#load();
      return null;
    }
    // The casts: methods are called by name in the worker, and these answer so.
    const { capture } = this.#context;
    const bytes = /** @type {Uint8Array | undefined} */ (call(capture, "message", row.index));
    if (!bytes || row.connection === null) return null;
    const speech = this.#listen(reader, row.connection, row.index);
    const isText = row.name === "text" || (row.name === "continuation" && isFirstText(capture, row));
    return ask(speech, [row.direction ?? "c2s", isText, bytes]) ?? null;
  }

  async #load() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    try {
      this.#reader = await loadReader();
      this.generation += 1;
      this.#context.changed();
    } catch (error) {
      this.#context.tell({ type: "trouble", words: `Messages are shown without their subprotocols: ${error}` });
    }
  }

  /**
   * What is spoken on a connection, with all heard that the message in this row needs.
   *
   * @param {typeof import("../../pkg/reader/framescope_wasm.js")} reader
   * @param {number} connection
   * @param {number} row
   */
  #listen(reader, connection, row) {
    const { capture } = this.#context;
    let listener = this.#listeners.get(connection);
    if (!listener) {
      const text = call(capture, "spoken", connection);
      /** @type {Spoken} */
      const { subprotocol, target } = text ? JSON.parse(String(text)) : { subprotocol: null, target: "" };
      listener = { speech: new reader.Speech(subprotocol, target), heard: 0, after: -1 };
      this.#listeners.set(connection, listener);
    }
    const { speech } = listener;
    const most = () => (speech.name() === BUNDLED ? HEARD_ALL : speech.name() === undefined ? HEARD : 0);
    while (listener.after < row && listener.heard < most()) {
      /** @type {StreamMessage[]} */
      const messages = JSON.parse(String(call(capture, "messagesOf", connection, listener.after, HEARD)));
      if (messages.length === 0) break;
      for (const message of messages) {
        listener.after = message.row;
        if (message.kind !== "text" && message.kind !== "binary") continue;
        listener.heard += 1;
        const bytes = /** @type {Uint8Array | undefined} */ (call(capture, "message", message.row));
        if (bytes) speech.hear(message.direction, message.kind === "text", bytes, message.row);
      }
    }
    return speech;
  }
}

/**
 * @param {Context["capture"]} capture
 * @param {string} method
 * @param {...(number | string)} args
 */
function call(capture, method, ...args) {
  return capture[method]?.call(capture, .../** @type {never[]} */ (args));
}

/** @param {Context["capture"]} capture @param {Row} row */
function isFirstText(capture, row) {
  if (!row.fragment) return false;
  /** @type {Row[]} */
  const rows = JSON.parse(String(call(capture, "rows", row.fragment.firstRow, 1)));
  return rows[0]?.name === "text";
}
