// @ts-check
// The proxy's desk: frames that pass through it, by its `/inspect/intercept`.

import { endpoint, reconnecting } from "../../../lib/socket.js";
import { fromBase64, toBase64 } from "../lab/bytes.js";

/** @import { Bytes, Connection, Desk, DeskEvents, Direction, Refusal } from "./types.d.ts" */

/** What is to be held. @typedef {{ filter: string | null, directions: Direction[] }} Wish */

/** @implements {Desk} */
export class ProxyDesk {
  /** @type {"proxy"} */
  name = "proxy";
  /** @type {Connection[]} */
  connections = [];
  trouble = "The proxy is being asked.";
  #events;
  /** @type {WebSocket | null} */
  #socket = null;
  /** What the proxy holds, for when the channel comes back. @type {Wish} */
  #holding = { filter: null, directions: ["c2s", "s2c"] };
  /** What it has not answered yet, which may be wrong. @type {Wish[]} */
  #asked = [];
  /** Frames that are held here. @type {Set<number>} */
  #held = new Set();
  /** Injections that are not answered yet. @type {Map<number, (refusal: Refusal | null) => void>} */
  #injections = new Map();
  #tags = 0;

  /** @param {DeskEvents} events @param {AbortSignal} signal */
  constructor(events, signal) {
    this.#events = events;
    reconnecting(
      endpoint("/inspect/intercept"),
      {
        open: (socket) => this.#opened(socket),
        message: (data) => this.#hear(JSON.parse(String(data))),
        lost: () => this.#lost(),
      },
      signal,
    );
  }

  /** @param {WebSocket} socket */
  #opened(socket) {
    this.#socket = socket;
    this.trouble = "";
    const wanted = this.#asked.at(-1) ?? this.#holding;
    this.#asked = [];
    if (wanted.filter !== null) this.#ask(wanted);
    this.#events.changed();
  }

  #lost() {
    this.trouble = "The proxy does not answer. What it held has gone on; it is asked again.";
    this.connections = [];
    for (const id of this.#held) this.#events.released(`proxy-${id}`, "forwarded");
    this.#held.clear();
    for (const answered of this.#injections.values()) answered({ why: this.trouble, canForce: false });
    this.#injections.clear();
    this.#events.changed();
  }

  /** @param {unknown} what */
  #say(what) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(what));
  }

  /** @param {Wish} wish */
  #ask(wish) {
    this.#asked.push(wish);
    this.#say(wish);
  }

  /** @param {any} told as `server/src/inspect/intercept.rs` has it */
  #hear(told) {
    if (told.connections) {
      this.connections = told.connections.map((/** @type {Omit<Connection, "desk">} */ one) => ({
        ...one,
        desk: this,
      }));
      this.#events.changed();
    } else if (told.held) {
      const { bytes, inflated, ...held } = told.held;
      this.#held.add(held.id);
      this.#events.held({
        ...held,
        key: `proxy-${held.id}`,
        desk: this,
        bytes: fromBase64(bytes),
        inflated: inflated === null ? null : fromBase64(inflated),
      });
    } else if (told.released !== undefined) {
      this.#held.delete(told.released);
      this.#events.released(`proxy-${told.released}`, told.how);
    } else if (told.holding !== undefined) {
      this.#holding = this.#asked.shift() ?? this.#holding;
    } else if (told.problem) {
      this.#asked.shift();
      this.#events.problem(told.problem);
    } else if (told.unheld) this.#events.unheld(told.unheld.count, told.unheld.length, told.unheld.why);
    else if (told.injected) this.#answered(told.injected.tag, null);
    else if (told.refused) {
      const { tag, why, canForce } = told.refused;
      if (tag !== null) this.#answered(tag, { why, canForce });
      else this.#events.refused(why);
    }
  }

  /** @param {number} tag @param {Refusal | null} refusal */
  #answered(tag, refusal) {
    this.#injections.get(tag)?.(refusal);
    this.#injections.delete(tag);
  }

  /** @param {string | null} filter @param {Direction[]} directions */
  hold(filter, directions) {
    this.#ask({ filter, directions });
  }

  /** @param {number} id @param {Bytes | null} edited @param {boolean} mends */
  forward(id, edited, mends) {
    this.#say(edited ? { forward: id, bytes: toBase64(edited), mend: mends } : { forward: id });
  }

  /** @param {number} id @param {boolean} mends */
  drop(id, mends) {
    this.#say({ drop: id, mend: mends });
  }

  forwardAll() {
    this.#say({ forwardAll: true });
  }

  /** @param {number} connection @param {Direction} direction @param {Bytes} bytes @param {boolean} isForced @returns {Promise<Refusal | null>} */
  inject(connection, direction, bytes, isForced) {
    if (this.trouble) return Promise.resolve({ why: this.trouble, canForce: false });
    this.#tags += 1;
    const tag = this.#tags;
    this.#say({ inject: { connection, direction, bytes: toBase64(bytes), force: isForced, tag } });
    return new Promise((resolve) => this.#injections.set(tag, resolve));
  }
}
