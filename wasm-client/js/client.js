// @ts-check
// `WebSocketClient`: what its users hold. It checks what it is handed, and leaves the rest to a `Connection`.

/** @import { ByteStream, ByteStreamHandlers, OpenStream, Sendable, SendOptions, StreamOptions, WebSocketClientOptions } from "../src/client.d.ts" */
/** @import { Engine, Watcher } from "./types.d.ts" */
/** @typedef {(...args: any[]) => unknown} Listener */

import { CLOSED, CLOSING, CONNECTING, Connection, OPEN } from "./connection.js";
import { hasSockets, openSocket, openTunnel } from "./streams.js";
import { decode, encode, invalid, readOptions, readUrl, toBytes, whole, words } from "./values.js";

/** @type {(new () => Engine) | undefined} */
let EngineClass;

/**
 * The wasm module introduces its engine by an example, once it runs.
 *
 * @param {Engine} sample
 */
export function useEngine(sample) {
  EngineClass = /** @type {new () => Engine} */ (sample.constructor);
  sample.free();
}

/** Clients that somebody listens to are not dropped before they are closed, held or not, like a browser's own. */
const listened = new Set();

/** Others that nobody holds are cut off. */
const dropped = new FinalizationRegistry((/** @type {Connection} */ connection) => connection.terminate());

/** As much of Node's EventEmitter as a client needs where there is none. */
class PageEmitter {
  /** @type {Map<string, { listener: Listener, once: boolean }[]>} */
  #listeners = new Map();

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  on(event, listener) {
    return this.#add(event, listener, false);
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  addListener(event, listener) {
    return this.on(event, listener);
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  once(event, listener) {
    return this.#add(event, listener, true);
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  off(event, listener) {
    const added = this.#listeners.get(event) ?? [];
    // The one that was added last, and a new list: whoever goes through the old one is not disturbed.
    const at = added.findLastIndex((entry) => entry.listener === listener);
    if (at >= 0) this.#listeners.set(event, added.toSpliced(at, 1));
    return this;
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  removeListener(event, listener) {
    return this.off(event, listener);
  }

  /** @param {string} [event] */
  removeAllListeners(event) {
    if (event === undefined) this.#listeners.clear();
    else this.#listeners.delete(event);
    return this;
  }

  /**
   * @param {string} event
   * @param {unknown[]} args
   */
  emit(event, ...args) {
    const added = this.#listeners.get(event) ?? [];
    if (added.length === 0 && event === "error") throw args[0];
    for (const { listener, once } of added) {
      if (once) this.off(event, listener);
      listener.apply(this, args);
    }
    return added.length > 0;
  }

  /** @param {string} event */
  listenerCount(event) {
    return this.#listeners.get(event)?.length ?? 0;
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   * @param {boolean} once
   */
  #add(event, listener, once) {
    if (typeof listener !== "function") throw new TypeError("a listener is a function");
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), { listener, once }]);
    return this;
  }
}

/** @type {typeof PageEmitter} */
const Emitter = globalThis.process?.getBuiltinModule?.("node:events")?.EventEmitter ?? PageEmitter;

export class WebSocketClient extends Emitter {
  #url = "";
  #connection;

  /**
   * @param {string | URL} url
   * @param {WebSocketClientOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    if (!EngineClass) throw invalid("the wasm module does not run yet: await its default export first");
    const target = readUrl(url);
    const engine = new EngineClass();
    let times;
    try {
      times = readOptions(options, engine);
      const trouble = engine.prepare(target.url);
      if (trouble !== undefined) throw invalid(trouble);
    } catch (error) {
      engine.free();
      throw error;
    }
    this.#url = target.url;
    this.#connection = new Connection(engine, times, watch(this));
    dropped.register(this, this.#connection, this);
    this.#connection.start(target, openStream(options));
  }

  /**
   * @param {string | URL} url
   * @param {ByteStreamHandlers} handlers
   * @param {StreamOptions} [options]
   * @returns {Promise<ByteStream>}
   */
  static async openStream(url, handlers, options = {}) {
    const { signal = new AbortController().signal, ...where } = options ?? {};
    return await openStream(where)({ ...readUrl(url), signal }, handlers);
  }

  get url() {
    return this.#url;
  }

  get readyState() {
    return this.#connection.readyState;
  }

  get bufferedAmount() {
    return this.#connection.bufferedAmount;
  }

  get protocol() {
    return this.#connection.protocol;
  }

  get extensions() {
    return this.#connection.extensions;
  }

  /**
   * @param {Sendable} data
   * @param {SendOptions} [options]
   */
  send(data, options = {}) {
    if (this.readyState >= CLOSING) return this;
    const { compress = true, fragmentSize } = options ?? {};
    const size = whole("fragmentSize", fragmentSize, 0);
    const bytes = this.#keep(toBytes(data));
    if (bytes) {
      this.#connection.send((engine) => engine.send_binary(bytes, size, compress), bytes.length);
    } else {
      const text = words(data);
      const length = this.readyState === CONNECTING ? encode(text).length : 0;
      this.#connection.send((engine) => engine.send_text(text, size, compress), length);
    }
    return this;
  }

  /** @param {Sendable} [data] */
  ping(data) {
    return this.#sendControl(true, data);
  }

  /** @param {Sendable} [data] */
  pong(data) {
    return this.#sendControl(false, data);
  }

  /**
   * @param {number} [code]
   * @param {Sendable} [data]
   */
  close(code, data) {
    if (this.readyState >= CLOSING) return this;
    const reason = decode(data);
    if (reason === undefined) throw invalid("the reason of a Close is UTF-8");
    if (encode(reason).length > 123) throw invalid("the reason of a Close has at most 123 bytes");
    const isAllowed = code === undefined || code === 1000 || (Number.isInteger(code) && code >= 3000 && code <= 4999);
    if (!isAllowed) throw invalid(`a client closes with 1000, or 3000 to 4999, not ${String(code)}`);
    this.#connection.close(code ?? (reason ? 1000 : 0), reason);
    return this;
  }

  /** @param {Uint8Array | ArrayBuffer} bytes */
  sendRaw(bytes) {
    if (this.readyState === CLOSED) return this;
    const raw = this.#keep(toBytes(bytes));
    if (!raw) return this.#refuse("raw bytes are a typed array or an ArrayBuffer");
    this.#connection.send((engine) => engine.send_raw(raw), raw.length);
    return this;
  }

  /** @param {{ toBytes(): Uint8Array }} frame */
  sendFrame(frame) {
    if (this.readyState === CLOSED) return this;
    if (typeof frame?.toBytes !== "function") return this.#refuse("a frame is a WebSocketFrame");
    return this.sendRaw(frame.toBytes());
  }

  terminate() {
    this.#connection.terminate();
  }

  /** As wasm-bindgen's own classes have it. */
  free() {
    this.terminate();
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.terminate();
  }

  /**
   * @param {boolean} isPing
   * @param {Sendable} data
   */
  #sendControl(isPing, data) {
    if (this.readyState >= CLOSING) return this;
    const payload = encode(data);
    if (payload.length > 125) throw invalid("a control frame carries at most 125 bytes");
    const kept = this.#keep(payload) ?? payload;
    this.#connection.send((engine) => engine.send_control(isPing, kept), kept.length);
    return this;
  }

  /**
   * Throws; or does nothing, once the connection is closing, where raw bytes may still go out and nothing may be thrown.
   *
   * @param {string} message
   */
  #refuse(message) {
    if (this.readyState >= CLOSING) return this;
    throw invalid(message);
  }

  /**
   * What has to wait must not be changed meanwhile.
   *
   * @param {Uint8Array | undefined} bytes
   */
  #keep(bytes) {
    // Not `slice`, which a Buffer has of its own, and which copies nothing.
    return bytes && this.readyState < OPEN ? new Uint8Array(bytes) : bytes;
  }
}

for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
  const constant = { value, enumerable: true };
  Object.defineProperty(WebSocketClient, name, constant);
  Object.defineProperty(WebSocketClient.prototype, name, constant);
}

// As soon as somebody listens. Node's `once` goes by way of `on`, and `prependOnceListener` by `prependListener`.
for (const name of ["on", "addListener", "prependListener"]) {
  const add = /** @type {Record<string, any>} */ (Emitter.prototype)[name];
  if (!add) continue;
  Object.defineProperty(WebSocketClient.prototype, name, {
    configurable: true,
    writable: true,
    /** @this {WebSocketClient} */
    value(/** @type {unknown[]} */ ...args) {
      if (this.readyState !== CLOSED) listened.add(this);
      return add.apply(this, args);
    },
  });
}

/**
 * @param {Pick<WebSocketClientOptions, "stream" | "tunnel" | "tls">} options
 * @returns {OpenStream}
 */
function openStream({ stream, tunnel, tls }) {
  if (stream) return stream;
  if (hasSockets && tunnel === undefined) return (target, handlers) => openSocket(target, handlers, tls);
  return (target, handlers) => openTunnel(target, handlers, tunnel);
}

/**
 * What a connection tells its client, which it does not keep alive by that.
 *
 * @param {WebSocketClient} client
 * @returns {Watcher}
 */
function watch(client) {
  const reference = new WeakRef(client);
  return {
    wants: (event) => (reference.deref()?.listenerCount(event) ?? 0) > 0,
    tell(event, ...args) {
      try {
        reference.deref()?.emit(event, ...args);
      } catch (error) {
        // Of a listener, or an error that nobody listens to: it must not stop the connection half way.
        queueMicrotask(() => {
          throw error;
        });
      }
    },
    rest() {
      const client = reference.deref();
      if (!client) return;
      listened.delete(client);
      dropped.unregister(client);
    },
  };
}
