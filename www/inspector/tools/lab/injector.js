// @ts-check
// On a proxy's own page: bytes put into a connection that passes through it, in either direction. The page asks for it on
// the channel on which frames are held; what goes out is shown by the proxy's tap like all else.

import { ask } from "../../../lib/ask.js";
import { endpoint } from "../../../lib/socket.js";
import { toBase64 } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */

/** @typedef {{ connection: number, client: string, server: string, path: string }} Passing */

/** @typedef {{ isOk: boolean, why: string, canForce: boolean }} Outcome */

/** Whether this page is a proxy's, where frames can be held and put in. */
export async function canInject() {
  const { isOk, json } = await ask("/api/operator");
  return isOk && typeof json === "object" && json !== null && "intercepts" in json && json.intercepts === true;
}

/** How long the proxy may take to put bytes in: as long as a frame of the other side may be under way. */
const PATIENCE = 10_000;

export class Injector {
  /** Those that pass now. @type {Passing[]} */
  connections = [];
  isOpen = false;
  #changed;
  /** @type {WebSocket | null} */
  #socket = null;
  #tag = 0;
  /** @type {Map<number, (outcome: Outcome) => void>} */
  #waiting = new Map();

  /** @param {() => void} changed @param {AbortSignal} signal */
  constructor(changed, signal) {
    this.#changed = changed;
    signal.addEventListener("abort", () => this.#socket?.close());
    this.connect();
  }

  /** Opens the channel, if it is not. */
  connect() {
    if (this.#socket) return;
    const socket = new WebSocket(endpoint("/inspect/intercept"));
    this.#socket = socket;
    socket.onopen = () => {
      this.isOpen = true;
      this.#changed();
    };
    socket.onmessage = ({ data }) => this.#heard(JSON.parse(String(data)));
    socket.onclose = () => {
      this.#socket = null;
      this.isOpen = false;
      this.connections = [];
      for (const settle of this.#waiting.values()) settle({ isOk: false, why: "the proxy is gone", canForce: false });
      this.#waiting.clear();
      this.#changed();
    };
  }

  /**
   * Puts bytes into a connection; resolves when they went out, or with why they did not.
   *
   * @param {number} connection
   * @param {"c2s" | "s2c"} direction
   * @param {Bytes} bytes
   * @param {boolean} force although others become unreadable by it
   * @returns {Promise<Outcome>}
   */
  inject(connection, direction, bytes, force) {
    if (!this.#socket || !this.isOpen)
      return Promise.resolve({ isOk: false, why: "the proxy is gone", canForce: false });
    this.#tag += 1;
    const tag = this.#tag;
    const order = { connection, direction, bytes: toBase64(bytes), force, tag };
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => settle({ isOk: false, why: "a frame is still under way; it waits behind that", canForce: false }),
        PATIENCE,
      );
      const settle = (/** @type {Outcome} */ outcome) => {
        clearTimeout(timer);
        this.#waiting.delete(tag);
        resolve(outcome);
      };
      this.#waiting.set(tag, settle);
      this.#socket?.send(JSON.stringify({ inject: order }));
    });
  }

  /** @param {{ connections?: Passing[], injected?: { tag: number }, refused?: { what: string, tag: number, why: string, canForce: boolean } }} said */
  #heard({ connections, injected, refused }) {
    if (connections) {
      this.connections = connections;
      this.#changed();
    }
    if (injected) this.#waiting.get(injected.tag)?.({ isOk: true, why: "", canForce: false });
    if (refused?.what === "inject")
      this.#waiting.get(refused.tag)?.({ isOk: false, why: refused.why, canForce: refused.canForce });
  }
}
