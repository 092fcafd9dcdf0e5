// @ts-check
// Pings and their pongs: which answers which, how long it took, and which were never answered. No DOM and no socket.

/**
 * @typedef {object} Ping
 * @property {number} number from 1
 * @property {Uint8Array} payload
 * @property {string} key the payload in hex: by this an answer, and a frame, finds its ping
 * @property {Date} at
 * @property {number} since when it was sent, on the clock that the trip is measured with
 * @property {"waiting" | "answered" | "unanswered"} state
 * @property {number | null} trip milliseconds until the answer
 * @property {Uint8Array | null} ping its frame as it was on the wire
 * @property {Uint8Array | null} pong the answer's
 */

/**
 * @typedef {object} Figures
 * @property {number} sent
 * @property {number} answered
 * @property {number} unanswered
 * @property {number} waiting
 * @property {number | undefined} last these in milliseconds
 * @property {number | undefined} fastest
 * @property {number | undefined} median
 * @property {number | undefined} slowest
 */

/** Pings kept with their frames, and round trips kept for the figures. */
const KEPT = 1000;
/** Silence after which a ping counts as unanswered, in milliseconds. An answer that comes later still counts. */
const PATIENCE = 5_000;
/** Frames of pongs that nobody asked for. */
const FRAMES_KEPT = 16;

export class Rally {
  /** The newest last. @type {Ping[]} */
  pings = [];
  #sent = 0;
  #answered = 0;
  #unanswered = 0;
  /** The newest last. @type {number[]} */
  #trips = [];
  /** Those whose event has not come yet: the two may come in either order. @type {{ key: string, bytes: Uint8Array }[]} */
  #pongFrames = [];

  /** @param {Uint8Array} payload @param {number} now @returns {Ping} */
  sent(payload, now) {
    this.#sent += 1;
    /** @type {Ping} */
    const ping = {
      number: this.#sent,
      payload,
      key: keyOf(payload),
      at: new Date(),
      since: now,
      state: "waiting",
      trip: null,
      ping: null,
      pong: null,
    };
    this.pings.push(ping);
    if (this.pings.length > KEPT) this.pings.shift();
    return ping;
  }

  /**
   * A pong came. A server may answer only the latest of several pings (RFC 6455, 5.5.3): those before it are settled, and
   * were not answered.
   *
   * @param {Uint8Array} payload
   * @param {number} now
   * @returns {{ ping: Ping, skipped: Ping[], wasLate: boolean } | null} null if no ping asked for it
   */
  answered(payload, now) {
    const key = keyOf(payload);
    // The oldest that waits with these bytes; else one that was given up too early.
    const isThis = (/** @type {Ping} */ one) => one.state !== "answered" && one.key === key;
    const ping = this.pings.find((one) => one.state === "waiting" && isThis(one)) ?? this.pings.findLast(isThis);
    return ping ? this.#settle(ping, now) : null;
  }

  /** An answer that names no ping: it is the oldest one's. @param {number} now */
  answeredNext(now) {
    const ping = this.pings.find(({ state }) => state === "waiting");
    return ping ? this.#settle(ping, now) : null;
  }

  /** @param {Ping} ping @param {number} now */
  #settle(ping, now) {
    const wasLate = ping.state === "unanswered";
    if (wasLate) this.#unanswered -= 1;
    const skipped = this.pings.filter(({ state, number }) => state === "waiting" && number < ping.number);
    this.#giveUp(skipped);
    ping.state = "answered";
    ping.trip = now - ping.since;
    this.#answered += 1;
    this.#trips.push(ping.trip);
    if (this.#trips.length > KEPT) this.#trips.shift();
    const place = this.#pongFrames.findIndex(({ key }) => key === ping.key);
    if (place >= 0) ping.pong = this.#pongFrames.splice(place, 1)[0]?.bytes ?? null;
    return { ping, skipped, wasLate };
  }

  /** The frame of a ping. @param {string} key its payload @param {Uint8Array} bytes */
  pingFrame(key, bytes) {
    const ping = this.pings.find((one) => one.ping === null && one.key === key);
    if (ping) ping.ping = bytes;
  }

  /** The frame of a pong. @param {string} key its payload @param {Uint8Array} bytes */
  pongFrame(key, bytes) {
    const ping = this.pings.find((one) => one.state === "answered" && one.pong === null && one.key === key);
    if (ping) ping.pong = bytes;
    else this.#pongFrames = [...this.#pongFrames, { key, bytes }].slice(-FRAMES_KEPT);
  }

  /** Those that waited too long by now. @param {number} now @returns {Ping[]} */
  overdue(now) {
    const found = this.pings.filter(({ state, since }) => state === "waiting" && now - since > PATIENCE);
    this.#giveUp(found);
    return found;
  }

  /** The connection is gone, and so are the answers that were on their way. @returns {Ping[]} */
  cut() {
    const found = this.pings.filter(({ state }) => state === "waiting");
    this.#giveUp(found);
    this.#pongFrames = [];
    return found;
  }

  /** @returns {Figures} */
  get figures() {
    const sorted = this.#trips.toSorted((one, other) => one - other);
    return {
      sent: this.#sent,
      answered: this.#answered,
      unanswered: this.#unanswered,
      waiting: this.#sent - this.#answered - this.#unanswered,
      last: this.#trips.at(-1),
      fastest: sorted[0],
      median: sorted[Math.floor(sorted.length / 2)],
      slowest: sorted.at(-1),
    };
  }

  /** @param {Ping[]} pings */
  #giveUp(pings) {
    for (const ping of pings) ping.state = "unanswered";
    this.#unanswered += pings.length;
  }
}

/** @param {Uint8Array} bytes */
function keyOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
