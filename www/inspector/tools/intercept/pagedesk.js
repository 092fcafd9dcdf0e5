// @ts-check
// The page's own desk: frames that the lab sends and receives, held before they reach the network, or the lab. The same
// gate as the proxy's, in the wasm module.

import { lines } from "../lab/line.js";

/** @import { Intercepted } from "../../../pkg/interception/framescope_wasm.js" */
/** @import { Line, Onward, Sluice } from "../lab/line.js" */
/** @import { Bytes, Connection, Desk, DeskEvents, Direction, Refusal } from "./types.d.ts" */

/** @typedef {typeof import("../../../pkg/interception/framescope_wasm.js")} Module */
/** @typedef {import("../../../pkg/interception/framescope_wasm.js").Interception} Interception */

/** What an injection in the module is called, with where the answer goes. @typedef {(refusal: Refusal | null) => void} Answered */

/** @implements {Desk} */
export class PageDesk {
  /** @type {"page"} */
  name = "page";
  #module;
  #events;
  /** @type {{ filter: string | null, directions: Direction[] }} */
  #wanted = { filter: null, directions: ["c2s", "s2c"] };
  /** By number of connection. @type {Map<number, Post>} */
  #posts = new Map();
  #last = 0;

  /** @param {Module} module @param {DeskEvents} events @param {AbortSignal} signal */
  constructor(module, events, signal) {
    this.#module = module;
    this.#events = events;
    lines.divert = (line, onward) => this.#stand(line, onward);
    signal.addEventListener("abort", () => {
      lines.divert = null;
    });
  }

  /** @returns {Connection[]} */
  get connections() {
    return [...this.#posts.values()].map((post) => post.connection(this));
  }

  get trouble() {
    const others = [...lines.open].filter((line) => ![...this.#posts.values()].some((post) => post.line === line));
    if (others.length === 0) return "";
    const many = others.length === 1 ? "One was" : `${others.length} were`;
    return `${many} open before this panel: connect anew to hold its frames.`;
  }

  /** @param {Line} line @param {Onward} onward @returns {Sluice} */
  #stand(line, onward) {
    this.#last += 1;
    const connection = this.#last;
    const post = new Post(new this.#module.Interception(connection), connection, line, onward, {
      ...this.#events,
      closed: () => {
        this.#posts.delete(connection);
        this.#events.changed();
      },
      desk: this,
    });
    post.hold(this.#wanted.filter, this.#wanted.directions);
    this.#posts.set(connection, post);
    this.#events.changed();
    return post;
  }

  /** @param {string | null} filter @param {Direction[]} directions */
  hold(filter, directions) {
    const before = this.#wanted;
    this.#wanted = { filter, directions };
    const problem = filter === null ? undefined : this.#check(filter);
    if (problem) {
      this.#wanted = before;
      this.#events.problem(JSON.parse(problem));
      return;
    }
    for (const post of this.#posts.values()) post.hold(filter, directions);
  }

  /** @param {string} filter */
  #check(filter) {
    const interception = new this.#module.Interception(0);
    const problem = interception.hold(filter, true, true);
    interception.free();
    return problem;
  }

  /** Numbers of frames are told apart by their connection. @param {number} id */
  #post(id) {
    return this.#posts.get(Math.floor(id / FRAMES));
  }

  /** @param {number} id @param {Bytes | null} edited @param {boolean} mends */
  forward(id, edited, mends) {
    this.#post(id)?.forward(id % FRAMES, edited, mends);
  }

  /** @param {number} id @param {boolean} mends */
  drop(id, mends) {
    this.#post(id)?.drop(id % FRAMES, mends);
  }

  forwardAll() {
    for (const post of this.#posts.values()) post.forwardAll();
  }

  /** @param {number} connection @param {Direction} direction @param {Bytes} bytes @param {boolean} isForced @returns {Promise<Refusal | null>} */
  inject(connection, direction, bytes, isForced) {
    const post = this.#posts.get(connection);
    return (
      post?.inject(direction, bytes, isForced) ?? Promise.resolve({ why: "that connection is over", canForce: false })
    );
  }
}

/** More frames than one connection ever holds, so that a number says which it belongs to. */
const FRAMES = 2 ** 32;

/**
 * One connection's. @implements {Sluice}
 */
class Post {
  line;
  #interception;
  #number;
  #onward;
  #events;
  #since = Date.now();
  /** What waits until nothing is held that way. @type {Map<Direction, (() => void)[]>} */
  #afterwards = new Map();
  /** @type {Direction[]} */
  #ended = [];
  #isLost = false;
  #isClosed = false;
  #isDraining = false;
  /** @type {Set<number>} */
  #held = new Set();
  /** @type {Map<number, Answered>} */
  #injections = new Map();
  #tags = 0;

  /**
   * @param {Interception} interception
   * @param {number} number
   * @param {Line} line
   * @param {Onward} onward
   * @param {DeskEvents & { closed: () => void, desk: Desk }} events
   */
  constructor(interception, number, line, onward, events) {
    this.#interception = interception;
    this.#number = number;
    this.line = line;
    this.#onward = onward;
    this.#events = events;
  }

  /** @param {Desk} desk @returns {Connection} */
  connection(desk) {
    const url = new URL(this.line.url);
    const takeover = JSON.parse(this.#interception.takeover() ?? "[null,null]");
    const compression = (/** @type {boolean | null} */ one) => (one === null ? null : { takeover: one, known: true });
    return {
      desk,
      connection: this.#number,
      client: "this page",
      server: url.host,
      path: url.pathname,
      host: url.host,
      subprotocol: null,
      since: this.#since,
      ended: this.#ended,
      reset: this.#isLost ? ["s2c"] : [],
      compression: { c2s: compression(takeover[0]), s2c: compression(takeover[1]) },
    };
  }

  /** @param {Direction} direction @param {Bytes} bytes */
  take(direction, bytes) {
    if (this.#isClosed) return;
    this.#interception.push(direction, now(), bytes);
    this.#drain();
  }

  /** @param {Direction} direction */
  end(direction) {
    this.#interception.finish(direction);
    this.#drain();
    this.#ended.push(direction);
    this.#afterHeld(direction, () => this.#onward.end(direction));
    this.#events.changed();
  }

  /** @param {() => void} then */
  hangUp(then) {
    this.#isLost = true;
    this.#interception.finish("s2c");
    // Nobody is there for what was to be sent.
    this.#interception.abandon("c2s", now());
    this.#drain();
    this.#afterHeld("s2c", then);
    this.#events.changed();
  }

  closed() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const id of this.#held) this.#events.released(this.#key(id), "undelivered");
    this.#held.clear();
    for (const answered of this.#injections.values()) answered({ why: "the connection is over", canForce: false });
    this.#events.closed();
    // It may be in the middle of telling something.
    setTimeout(() => this.#interception.free());
  }

  /** @param {string | null} filter @param {Direction[]} directions */
  hold(filter, directions) {
    this.#interception.hold(filter, directions.includes("c2s"), directions.includes("s2c"));
    this.#drain();
  }

  /** @param {number} id @param {Bytes | null} edited @param {boolean} mends */
  forward(id, edited, mends) {
    this.#interception.forward(now(), id, edited, mends);
    this.#drain();
  }

  /** @param {number} id @param {boolean} mends */
  drop(id, mends) {
    this.#interception.drop(now(), id, mends);
    this.#drain();
  }

  forwardAll() {
    this.#interception.forwardAll(now());
    this.#drain();
  }

  /** @param {Direction} direction @param {Bytes} bytes @param {boolean} isForced @returns {Promise<Refusal | null>} */
  inject(direction, bytes, isForced) {
    this.#tags += 1;
    const tag = this.#tags;
    /** @type {Promise<Refusal | null>} */
    const answer = new Promise((resolve) => this.#injections.set(tag, resolve));
    if (!this.#interception.inject(direction, tag, bytes, isForced))
      return Promise.resolve({ why: "that connection is not open yet", canForce: false });
    this.#drain();
    return answer;
  }

  /** @param {number} id */
  #key(id) {
    return `page-${this.#number * FRAMES + id}`;
  }

  /** @param {Direction} direction @param {() => void} then */
  #afterHeld(direction, then) {
    if (!this.#interception.holds(direction)) then();
    else this.#afterwards.set(direction, [...(this.#afterwards.get(direction) ?? []), then]);
  }

  /** Does what the module says, until it says no more. */
  #drain() {
    // What is handed on may be answered at once, and then this is called again: its words come in their turn.
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (let text = this.#interception.next(); text !== undefined; text = this.#interception.next()) {
        this.#carryOut(JSON.parse(text));
        if (this.#isClosed) return;
      }
    } finally {
      this.#isDraining = false;
    }
    for (const [direction, waiting] of [...this.#afterwards]) {
      if (this.#isClosed || this.#interception.holds(direction)) continue;
      this.#afterwards.delete(direction);
      for (const then of waiting) then();
    }
  }

  /** @param {Intercepted} told */
  #carryOut(told) {
    // The cast: wasm-bindgen's arrays are over memory that cannot be shared, which its types do not say.
    const bytes = /** @type {Bytes} */ (this.#interception.bytes());
    if (told.kind === "passed") {
      if (told.released !== null && told.how !== null) {
        this.#held.delete(told.released);
        this.#events.released(this.#key(told.released), told.how);
      }
      if (bytes.length > 0 || told.comment !== null) this.#onward.hand(told.direction, bytes, told.comment);
    } else if (told.kind === "held") {
      this.#held.add(told.id);
      this.#events.held({
        key: this.#key(told.id),
        desk: this.#events.desk,
        id: this.#number * FRAMES + told.id,
        connection: this.#number,
        direction: told.direction,
        bytes,
        inflated: /** @type {Bytes | undefined} */ (this.#interception.inflated()) ?? null,
        since: Date.now(),
        inContext: told.inContext,
        canMend: told.canMend,
      });
    } else if (told.kind === "unheld") this.#events.unheld(1, told.length, told.why);
    else {
      this.#injections.get(told.tag)?.(told.why === null ? null : { why: told.why, canForce: true });
      this.#injections.delete(told.tag);
    }
  }
}

/** Milliseconds since 1970, in finer steps than those of `Date`. */
function now() {
  return performance.timeOrigin + performance.now();
}
