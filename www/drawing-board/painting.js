// @ts-check
// Finds the painter a place to work: a thread of its own where the browser can, else the page's.

import { Painter } from "./painter.js";

/** @import { SocketLike } from "../lib/app-socket.js" */
/** @import { Tells, Told } from "./painter.js" */

/**
 * What a worker is told of connections, and what it tells. `number`: which one, as a page has many, one after another.
 *
 * @typedef {{ say: "connect", url: string, number: number }} SayConnect
 * @typedef {{ say: "send", text: string }} SaySend
 * @typedef {{ say: "disconnect" }} SayDisconnect
 * @typedef {SayConnect | SaySend | SayDisconnect} SocketTold
 * @typedef {{ say: "opened", number: number }} SayOpened
 * @typedef {{ say: "heard", number: number, text: string }} SayHeard what the painter did not take
 * @typedef {{ say: "closed", number: number, code: number, reason: string }} SayClosed
 * @typedef {SayOpened | SayHeard | SayClosed} SocketTells
 */

/**
 * A painter at work, and how the page is connected with it.
 *
 * @typedef {object} Painting
 * @property {(message: Told) => void} tell
 * @property {(text: string) => boolean} take a message that came to the page
 * @property {((url: string) => SocketLike) | undefined} make a connection whose messages the painter sees first
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {(message: Tells) => void} heard
 * @returns {Painting}
 */
export function startPainting(canvas, heard) {
  return "transferControlToOffscreen" in canvas ? startThere(canvas, heard) : startHere(canvas, heard);
}

/** @param {HTMLCanvasElement} canvas @param {(message: Tells) => void} heard @returns {Painting} */
function startThere(canvas, heard) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const tell = (/** @type {Told | SocketTold} */ message) => worker.postMessage(message);
  /** @type {RelayedSocket | null} */
  let current = null;
  let number = 0;
  worker.onmessage = ({ data }) => {
    // The cast: the worker sends nothing else.
    const message = /** @type {Tells | SocketTells} */ (data);
    if (!("number" in message)) heard(message);
    else if (message.number === number) current?.hear(message);
  };
  const offscreen = canvas.transferControlToOffscreen();
  worker.postMessage(offscreen, [offscreen]);
  return {
    tell,
    take: () => false,
    make: (url) => {
      number += 1;
      tell({ say: "connect", url, number });
      current = new RelayedSocket(tell, number, () => number);
      return current;
    },
  };
}

/** @param {HTMLCanvasElement} canvas @param {(message: Tells) => void} heard @returns {Painting} */
function startHere(canvas, heard) {
  const painter = new Painter(canvas, () => document.createElement("canvas"), heard);
  return { tell: (message) => painter.hear(message), take: (text) => painter.take(text), make: undefined };
}

/** The page's end of a connection that the worker holds. */
class RelayedSocket {
  /** @type {((event: any) => void) | null} */
  onopen = null;
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;
  #tell;
  #number;
  #newest;

  /**
   * @param {(message: SocketTold) => void} tell
   * @param {number} number
   * @param {() => number} newest
   */
  constructor(tell, number, newest) {
    this.#tell = tell;
    this.#number = number;
    this.#newest = newest;
  }

  /** @param {SocketTells} message */
  hear(message) {
    if (message.say === "opened") this.onopen?.(message);
    else if (message.say === "heard") this.onmessage?.({ data: message.text });
    else this.onclose?.(message);
  }

  /** @param {string} text */
  send(text) {
    if (this.#number === this.#newest()) this.#tell({ say: "send", text });
  }

  close() {
    if (this.#number === this.#newest()) this.#tell({ say: "disconnect" });
  }
}
