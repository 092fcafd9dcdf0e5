// @ts-check
// The connection that is pinged: opened and closed by the user, and opened again when it was lost. No DOM.

import { addressOf, unlistedWords } from "../lib/choice.js";
import { ClientSocket, failedSocket, makerOf } from "../lib/client-socket.js";
import { backOff } from "../lib/socket.js";

/** @import { SocketLike } from "../lib/app-socket.js" */
/** @import { Choice } from "../lib/choice.js" */
/** @import { Ending } from "../lib/client-socket.js" */
/** @import { Direction } from "../pkg/client/framescope_wasm.js" */

/** On our own server: where the browser's client, too, gets its messages back. */
const PATH = "/echo";

/** After one of these another try may fare better; after any other, somebody wants it to be over. */
const PASSING = [1001, 1006, 1011, 1012, 1013, 1014];

/**
 * `refused`: it never came about. `lost`: it will be tried again at `retryAt`. `closed`: one of the two ends wanted it so.
 *
 * @typedef {{ name: "idle" } | { name: "connecting", isAgain: boolean } | { name: "open" } | { name: "closing" }
 *   | { name: "lost", retryAt: number, ending: Ending } | { name: "closed", ending: Ending, byUs: boolean }
 *   | { name: "refused", ending: Ending }} LinkState
 */

/**
 * @typedef {object} LinkHandlers
 * @property {(state: LinkState) => void} state
 * @property {(data: string | ArrayBuffer) => void} message
 * @property {(payload: Uint8Array) => void} pong
 * @property {(payload: Uint8Array) => void} ping the server's own
 * @property {(direction: Direction, bytes: Uint8Array) => void} frame
 */

export class Link {
  #handlers;
  /** @type {LinkState} */
  #state = { name: "idle" };
  /** @type {Choice | null} */
  #choice = null;
  /** @type {SocketLike | null} */
  #socket = null;
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {LinkHandlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** @returns {LinkState} */
  get state() {
    return this.#state;
  }

  /** Whether there is a connection, or will be without anybody's doing. */
  get isUp() {
    return !["idle", "closed", "refused"].includes(this.#state.name);
  }

  /** Whether this client can ping at all. */
  get canPing() {
    return this.#choice?.client === "wasm";
  }

  /** What was agreed on; "" if that is nothing, or not known. */
  get extensions() {
    const socket = this.#socket;
    return socket instanceof ClientSocket || socket instanceof WebSocket ? socket.extensions : "";
  }

  /** Gives up what there was. @param {Choice} choice */
  connect(choice) {
    this.#drop();
    this.#choice = choice;
    this.#attempt = 0;
    this.#open(false);
  }

  /** Closes it in order, or stops trying. */
  disconnect() {
    if (this.#state.name === "lost") {
      clearTimeout(this.#timer);
      this.#become({ name: "closed", ending: this.#state.ending, byUs: true });
    } else if (this.isUp) {
      this.#become({ name: "closing" });
      this.#socket?.close();
    }
  }

  /** The page goes: lets go without a word more than the client itself has. */
  leave() {
    this.#drop();
    this.#state = { name: "idle" };
  }

  /** Tries now instead of later. */
  retry() {
    if (this.#state.name !== "lost") return;
    clearTimeout(this.#timer);
    this.#open(true);
  }

  /** @param {Uint8Array} payload */
  ping(payload) {
    if (this.#socket instanceof ClientSocket) this.#socket.ping(payload);
  }

  /** @param {string} text */
  say(text) {
    this.#socket?.send(text);
  }

  /** @param {boolean} isAgain */
  #open(isAgain) {
    if (!this.#choice) return;
    const { server, client } = this.#choice;
    const url = addressOf(this.#choice, PATH);
    const socket = url === null ? failedSocket(unlistedWords(server)) : makerOf(client)(url);
    this.#socket = socket;
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      this.#attempt = 0;
      this.#become({ name: "open" });
    };
    socket.onmessage = ({ data }) => this.#handlers.message(data);
    socket.onclose = (/** @type {Ending} */ ending) => this.#closed(ending, wasOpen || isAgain);
    if (socket instanceof ClientSocket) {
      socket.onpong = this.#handlers.pong;
      socket.onping = this.#handlers.ping;
      socket.onframe = this.#handlers.frame;
    }
    this.#become({ name: "connecting", isAgain });
  }

  /** @param {Ending} ending @param {boolean} wasThere */
  #closed(ending, wasThere) {
    const byUs = this.#state.name === "closing";
    this.#socket = null;
    if (byUs || (wasThere && !PASSING.includes(ending.code))) this.#become({ name: "closed", ending, byUs });
    else if (!wasThere) this.#become({ name: "refused", ending });
    else {
      const wait = backOff(this.#attempt);
      this.#attempt += 1;
      this.#timer = setTimeout(() => this.#open(true), wait);
      this.#become({ name: "lost", retryAt: Date.now() + wait, ending });
    }
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket instanceof ClientSocket) socket.onpong = socket.onping = socket.onframe = null;
    socket.close();
  }

  /** @param {LinkState} state */
  #become(state) {
    this.#state = state;
    this.#handlers.state(state);
  }
}
