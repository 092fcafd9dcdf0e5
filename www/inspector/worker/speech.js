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

/** One protocol's packets go over the ends of messages: there all messages are heard, so many at a time. */
const BUNDLED = "mqtt";
const AT_ONCE = 256;
/** More for a single one that is looked at. */
const AT_ONCE_FOR_ONE = 20_000;

/** Longer messages get no word of their own in a list. */
const LABELLED = 64 << 10;

/** @typedef {{ speech: Speech, heard: number, after: number, wanted: number, isAnswered: boolean, isBehind: boolean }} Listener */

export class Speeches {
  #context;
  #loadReader;
  /** @type {typeof import("../../pkg/reader/framescope_wasm.js") | null} */
  #reader = null;
  #isAsked = false;
  /** By the number of the connection. @type {Map<number, Listener>} */
  #listeners = new Map();
  /** Grows when rows that were given out without a word would now have one. */
  generation = 0;

  /** @param {Context} context @param {() => Promise<any>} [load] the reader's module */
  constructor(context, load = loadReader) {
    this.#context = context;
    this.#loadReader = load;
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
    const { capture } = this.#context;
    const listener = this.#listen(row, AT_ONCE);
    if (!listener || listener.isBehind) return null;
    const { speech } = listener;
    // Asked before the message is read, let alone copied.
    if (Number(call(capture, "messageLength", row.index)) > LABELLED) return speech.name() ?? null;
    const bytes = messageOf(capture, row.index);
    const isText = row.name === "text" || (row.name === "continuation" && isFirstText(capture, row));
    return (bytes && speech.label(row.direction ?? "c2s", isText, bytes, row.index)) ?? null;
  }

  /** @param {Row} row @param {boolean} isText */
  #decodedOf(row, isText) {
    const listener = this.#listen(row, AT_ONCE_FOR_ONE);
    const bytes = listener && messageOf(this.#context.capture, row.index);
    const text = bytes && listener.speech.decode(row.direction ?? "c2s", isText, bytes, row.index);
    return text ? JSON.parse(text) : null;
  }

  async #load() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    try {
      this.#reader = await this.#loadReader();
      this.#grow();
    } catch (error) {
      this.#context.tell({ type: "trouble", words: `Messages are shown without their subprotocols: ${error}` });
    }
  }

  /**
   * What is spoken on a row's connection, with what the message in it needs heard, as far as that is done at once.
   *
   * @param {Row} row
   * @param {number} most
   * @returns {Listener | null}
   */
  #listen({ connection, index }, most) {
    const reader = this.#reader;
    if (!reader) {
      void this.#load();
      return null;
    }
    if (connection === null) return null;
    const { capture } = this.#context;
    let listener = this.#listeners.get(connection);
    if (!listener) {
      const text = call(capture, "spoken", connection);
      /** @type {Spoken} */
      const { subprotocol, target } = text ? JSON.parse(String(text)) : { subprotocol: null, target: "" };
      const speech = new reader.Speech(subprotocol, target);
      listener = { speech, heard: 0, after: -1, wanted: -1, isAnswered: false, isBehind: false };
      this.#listeners.set(connection, listener);
    }
    const wasKnown = listener.speech.name() !== undefined;
    this.#hear(connection, listener, index, most);
    // Rows that were given out before would have a word now.
    if (listener.isAnswered && !wasKnown && listener.speech.name() !== undefined) this.#grow();
    listener.isAnswered = true;
    return listener;
  }

  /**
   * Hears messages up to a row, so many at most now, and the rest soon.
   *
   * @param {number} connection
   * @param {Listener} listener
   * @param {number} row
   * @param {number} most
   */
  #hear(connection, listener, row, most) {
    const { capture } = this.#context;
    const { speech } = listener;
    const needsMore = () => speech.name() === BUNDLED || (speech.name() === undefined && listener.heard < HEARD);
    let left = most;
    while (listener.after < row && needsMore() && left > 0) {
      /** @type {StreamMessage[]} */
      const messages = JSON.parse(String(call(capture, "messagesOf", connection, listener.after, HEARD)));
      if (messages.length === 0) break;
      left -= messages.length;
      for (const message of messages) {
        listener.after = message.row;
        if (message.kind !== "text" && message.kind !== "binary") continue;
        listener.heard += 1;
        const bytes = messageOf(capture, message.row);
        if (bytes) speech.hear(message.direction, message.kind === "text", bytes, message.row);
      }
    }
    if (left > 0 || listener.after >= row) return;
    listener.wanted = Math.max(listener.wanted, row);
    if (listener.isBehind) return;
    listener.isBehind = true;
    setTimeout(() => this.#catchUp(connection, listener));
  }

  /** @param {number} connection @param {Listener} listener */
  #catchUp(connection, listener) {
    // It may have been forgotten meanwhile.
    if (this.#listeners.get(connection) !== listener) return;
    listener.isBehind = false;
    this.#hear(connection, listener, listener.wanted, AT_ONCE);
    if (!listener.isBehind) this.#grow();
  }

  /** Rows are to be asked for again. */
  #grow() {
    this.generation += 1;
    this.#context.changed();
  }
}

/** @param {Context["capture"]} capture @param {number} row */
function messageOf(capture, row) {
  // The cast: methods are called by name in the worker, and this one answers so.
  return /** @type {Uint8Array | undefined} */ (call(capture, "message", row));
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
