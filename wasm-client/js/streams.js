// @ts-check
// What a client runs on: Node's sockets, or in a page the tunnel.
//
// In the tunnel bytes are the binary messages of a WebSocket of the browser's own; text messages are control, since a
// page can neither pause that WebSocket nor close half of it.

/** @import { ByteStream, ByteStreamHandlers } from "../src/client.d.ts" */
/** @import { Target } from "./types.d.ts" */

/** Bytes in a message, at most. */
const CHUNK = 64 * 1024;

/** Bytes that the server may have sent and we not taken. */
const WINDOW = 128 * 1024;

/** So much is taken before the server is told. */
const STEP = 32 * 1024;

/** Whether there are sockets here. */
export const hasSockets = Boolean(globalThis.process?.versions?.node && globalThis.process.getBuiltinModule);

/**
 * @param {Target} target
 * @param {ByteStreamHandlers} handlers
 * @param {object} [tls] what `tls.connect` is to be told besides
 * @returns {Promise<ByteStream>}
 */
export function openSocket({ host, port, isSecure, signal }, handlers, tls) {
  const net = globalThis.process.getBuiltinModule("node:net");
  // Half-open, because a server may end its half before ours has said all.
  const where = { host, port, allowHalfOpen: true };
  const socket = isSecure
    ? globalThis.process.getBuiltinModule("node:tls").connect({
        // A name is asked for by name; an address is not (RFC 6066, 3). Either is checked against the certificate.
        ...(net.isIP(host) ? {} : { servername: host }),
        ALPNProtocols: ["http/1.1"],
        ...tls,
        ...where,
      })
    : net.connect(where);
  socket.setNoDelay(true);

  /** @type {Error | undefined} */
  let trouble;
  const forget = () => {
    socket.removeAllListeners();
    // What still goes wrong behind the end is nobody's business, but without a listener it would end the program.
    socket.on("error", () => {});
  };
  return new Promise((resolve, reject) => {
    const abort = () => {
      forget();
      socket.destroy();
      reject(signal.reason);
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    socket.on("error", (/** @type {Error} */ error) => {
      trouble = error;
    });
    socket.once("close", () => {
      signal.removeEventListener("abort", abort);
      forget();
      reject(trouble);
    });
    socket.once(isSecure ? "secureConnect" : "connect", () => {
      signal.removeEventListener("abort", abort);
      socket.removeAllListeners("close");
      socket.once("close", () => {
        forget();
        handlers.closed(trouble);
      });
      socket.once("end", () => handlers.end());
      socket.on("data", (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => {
        const wait = handlers.data(bytes);
        if (!wait) return;
        socket.pause();
        wait.then(() => socket.resume());
      });
      resolve({
        // Settled in any case: why a write failed, `closed` says.
        write: (bytes) => new Promise((taken) => socket.write(bytes, () => taken())),
        end: () => void socket.end(),
        destroy() {
          forget();
          socket.destroy();
        },
      });
    });
  });
}

/**
 * @param {Target} target
 * @param {ByteStreamHandlers} handlers
 * @param {string | URL} [tunnel] where it is, if not on the page's own server
 * @returns {Promise<ByteStream>}
 */
export async function openTunnel(target, handlers, tunnel) {
  const stream = new Tunnel(tunnelTo(target, tunnel), handlers);
  const abort = () => stream.abort(target.signal.reason);
  if (target.signal.aborted) abort();
  target.signal.addEventListener("abort", abort, { once: true });
  try {
    await stream.opened;
    return stream;
  } finally {
    target.signal.removeEventListener("abort", abort);
  }
}

/**
 * @param {Target} target
 * @param {string | URL} [tunnel]
 */
function tunnelTo({ host, port, isSecure }, tunnel = "/tunnel") {
  const address = new URL(tunnel, globalThis.location?.href);
  address.protocol = address.protocol.replace(/^http/, "ws");
  if (address.searchParams.has("to")) return address;
  const name = host.includes(":") ? `[${host}]` : host;
  const own = address.port || (address.protocol === "wss:" ? "443" : "80");
  const isSelf = name === address.hostname && String(port) === own && isSecure === (address.protocol === "wss:");
  address.searchParams.set("to", isSelf ? "self" : `${name}:${port}`);
  return address;
}

/** @implements {ByteStream} */
class Tunnel {
  #socket;
  #host;
  #handlers;
  #listening = new AbortController();
  /** What waits for credit, each with what to call when the last of it is sent.
   * @type {{ bytes: Uint8Array<ArrayBuffer>, taken: () => void }[]} */
  #waiting = [];
  /** How many bytes the server takes. */
  #credit = 0;
  /** Bytes taken that the server was not told of. */
  #taken = 0;
  /** Arrivals are handed on one after the other, each when the one before was taken. */
  #line = Promise.resolve();
  #wantsEnd = false;
  #hasEnded = false;
  #theyEnded = false;
  /** @type {Error | undefined} */
  #trouble;

  #open = () => {};
  /** @type {(reason: unknown) => void} */
  #refuse = () => {};
  /** Settled when bytes can go, or never will. */
  opened = new Promise((/** @type {(value?: undefined) => void} */ resolve, reject) => {
    this.#open = resolve;
    this.#refuse = reject;
  });

  /**
   * @param {URL} address
   * @param {ByteStreamHandlers} handlers
   */
  constructor(address, handlers) {
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#host = address.host;
    this.#handlers = handlers;
    const { signal } = this.#listening;
    socket.addEventListener(
      "open",
      () => {
        socket.send(JSON.stringify({ credit: WINDOW }));
        this.#open();
      },
      { signal },
    );
    socket.addEventListener("message", ({ data }) => this.#receive(data), { signal });
    socket.addEventListener("close", ({ code, reason }) => this.#closed(code, reason), { signal });
    // A `close` follows, and knows more.
    socket.addEventListener("error", () => {});
  }

  /**
   * It was waited for long enough.
   *
   * @param {unknown} reason
   */
  abort(reason) {
    this.#refuse(reason);
    this.destroy();
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  write(bytes) {
    /** @type {Promise<void>} */
    const taken = new Promise((taken) => this.#waiting.push({ bytes, taken }));
    this.#flush();
    return taken;
  }

  end() {
    this.#wantsEnd = true;
    this.#flush();
  }

  destroy() {
    this.#listening.abort();
    this.#socket.close();
    for (const { taken } of this.#waiting.splice(0)) taken();
  }

  #flush() {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const piece = first.bytes.subarray(0, Math.min(CHUNK, this.#credit));
      if (piece.length === 0 && first.bytes.length > 0) return;
      this.#socket.send(piece);
      this.#credit -= piece.length;
      first.bytes = first.bytes.subarray(piece.length);
      if (first.bytes.length > 0) continue;
      this.#waiting.shift();
      first.taken();
    }
    if (!this.#wantsEnd || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#socket.send('{"eof":true}');
  }

  /** @param {ArrayBuffer | string} data */
  #receive(data) {
    if (typeof data !== "string") {
      this.#handOn(() => this.#take(new Uint8Array(data)));
      return;
    }
    const said = parse(data);
    if (typeof said.credit === "number") {
      this.#credit += said.credit;
      this.#flush();
    }
    if (said.error !== undefined) this.#trouble = new Error(String(said.error));
    if (said.eof) {
      this.#theyEnded = true;
      this.#handOn(() => this.#handlers.end());
    }
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  async #take(bytes) {
    await this.#handlers.data(bytes);
    this.#taken += bytes.length;
    if (this.#taken < STEP || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ credit: this.#taken }));
    this.#taken = 0;
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #closed(code, reason) {
    // Says nothing to whoever has the stream already.
    this.#refuse(new Error(`the tunnel at ${this.#host} cannot be had`));
    const trouble =
      this.#trouble ?? (this.#theyEnded ? undefined : new Error(reason || `the tunnel closed with ${code}`));
    this.#handOn(() => this.#handlers.closed(trouble));
  }

  /** @param {() => unknown} what */
  #handOn(what) {
    this.#line = this.#line.then(async () => {
      if (!this.#listening.signal.aborted) await what();
    });
  }
}

/**
 * What is no control message is an error of the tunnel's.
 *
 * @param {string} text
 * @returns {{ credit?: unknown, eof?: unknown, error?: unknown }}
 */
function parse(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return { error: `the tunnel said ${text}` };
  }
}
