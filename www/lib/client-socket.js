// @ts-check
// The two clients a page can speak WebSocket with, made to look alike: the browser's own, and the one in the wasm module,
// which is loaded when it is first wanted. The second can do more: it pings, and shows every frame.

import { sentence } from "./form.js";
import { loadClient, NotBuilt } from "./wasm.js";

/** @import { SocketLike } from "./app-socket.js" */
/** @import { Client } from "./choice.js" */
/** @import { Direction, WebSocketClient } from "../pkg/client/framescope_wasm.js" */

/**
 * How a connection ended: for good, or before it began.
 *
 * @typedef {object} Ending
 * @property {number} code 1006 if there was no Close frame
 * @property {string} reason
 * @property {boolean} wasClean
 * @property {string} [words] why, in a sentence, where more is known than the code says
 */

/** @type {ReturnType<typeof loadClient> | null} */
let loading = null;

/** The module could not be had. */
class NotLoaded extends Error {}

/**
 * The module, once for the page; what failed is tried again when it is next asked for.
 *
 * @throws {NotBuilt | NotLoaded}
 */
export function theModule() {
  loading ??= loadClient().catch((error) => {
    loading = null;
    throw error instanceof NotBuilt ? error : new NotLoaded(String(error));
  });
  return loading;
}

/**
 * What makes sockets of this client.
 *
 * @param {Client} client
 * @returns {(url: string) => SocketLike}
 */
export function makerOf(client) {
  return client === "wasm" ? (url) => new ClientSocket(url) : browserSocket;
}

/** The policy that came with the page names the servers on the list; and a page by https may not go on without it. */
const FORBIDDEN = "The browser lets this page connect to listed servers only.";

/**
 * The browser's own WebSocket. What a browser forbids outright is told like any other failure.
 *
 * @param {string} url
 * @returns {SocketLike}
 */
export function browserSocket(url) {
  try {
    const socket = new WebSocket(url);
    let isOver = false;
    socket.addEventListener("close", () => {
      isOver = true;
    });
    // Chromium ends a connection that the policy forbids with an error, and no close behind it.
    socket.addEventListener("error", () => {
      const forbidden = Object.assign(new CloseEvent("close", { code: 1006 }), { words: FORBIDDEN });
      setTimeout(() => isOver || socket.dispatchEvent(forbidden));
    });
    return socket;
  } catch {
    return failedSocket(FORBIDDEN);
  }
}

/**
 * A socket that never was.
 *
 * @param {string} words why not
 * @returns {SocketLike}
 */
export function failedSocket(words) {
  /** @type {SocketLike} */
  const socket = { onopen: null, onmessage: null, onclose: null, send: () => {}, close: () => {} };
  setTimeout(() => socket.onclose?.({ code: 1006, reason: "", wasClean: false, words }));
  return socket;
}

/** The module's client. Handlers that are there when it is made, or in the same turn, miss nothing. */
export class ClientSocket {
  /** @type {((event: {}) => void) | null} */
  onopen = null;
  /** @type {((event: { data: string | ArrayBuffer }) => void) | null} */
  onmessage = null;
  /** @type {((event: Ending) => void) | null} */
  onclose = null;
  /** The server's answer to a ping, or one that nobody asked for. @type {((payload: Uint8Array) => void) | null} */
  onpong = null;
  /** The server pinged, and was answered. @type {((payload: Uint8Array) => void) | null} */
  onping = null;
  /** A frame as it was on the wire. @type {((direction: Direction, bytes: Uint8Array) => void) | null} */
  onframe = null;
  /** @type {WebSocketClient | null} */
  #client = null;
  #isOver = false;
  /** @type {unknown} */
  #error = null;

  /** @param {string} url */
  constructor(url) {
    void this.#start(url);
  }

  /** What was agreed on, as the server wrote it. */
  get extensions() {
    return this.#client?.extensions ?? "";
  }

  /** @param {string} text */
  send(text) {
    this.#client?.send(text);
  }

  /** @param {Uint8Array} [payload] at most 125 bytes */
  ping(payload) {
    this.#client?.ping(payload ?? new Uint8Array());
  }

  /** Begins the closing handshake; before there is a connection, gives it up. */
  close() {
    const client = this.#client;
    if (client && client.readyState === client.CONNECTING) client.terminate();
    else if (client) client.close(1000);
    else if (!this.#isOver) queueMicrotask(() => this.#ended({ code: 1006, reason: "", wasClean: false }));
  }

  /** @param {string} url */
  async #start(url) {
    try {
      const { WebSocketClient } = await theModule();
      if (this.#isOver) return;
      this.#listen(new WebSocketClient(url));
    } catch (error) {
      this.#ended({ code: 1006, reason: "", wasClean: false, words: failureWords(error) });
    }
  }

  /** @param {WebSocketClient} client */
  #listen(client) {
    this.#client = client;
    client.on("open", () => this.onopen?.({}));
    client.on("message", (data, isBinary) => this.onmessage?.({ data: isBinary ? data.buffer : data.toString() }));
    client.on("pong", (payload) => this.onpong?.(payload));
    client.on("ping", (payload) => this.onping?.(payload));
    if (this.onframe) client.on("frame", (direction, bytes) => this.onframe?.(direction, bytes));
    client.on("error", (error) => {
      this.#error = error;
    });
    client.on("close", (code, reason, wasClean) => {
      const words = this.#error === null ? {} : { words: failureWords(this.#error) };
      this.#ended({ code, reason, wasClean, ...words });
    });
  }

  /** @param {Ending} ending */
  #ended(ending) {
    if (this.#isOver) return;
    this.#isOver = true;
    this.onclose?.(ending);
  }
}

/**
 * In a sentence, why there is no connection.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function failureWords(error) {
  if (error instanceof NotBuilt) return "The wasm module with this client is not built: run “make wasm”, and reload.";
  if (error instanceof NotLoaded) return "The module with this client could not be loaded: does the server answer?";
  const message = error instanceof Error ? error.message : "";
  return sentence(message, "The client failed, and did not say why.");
}
