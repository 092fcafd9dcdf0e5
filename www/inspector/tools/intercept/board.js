// @ts-check
// What is held, wherever that is, and whether anything is to be.

import { asText, remember, remembered } from "../../memory.js";

/** @import { FilterProblem } from "../../app.js" */
/** @import { Bytes, Connection, Desk, DeskEvents, Direction, Held, Released } from "./types.d.ts" */

/** @typedef {{ time: number, text: string, kind: "good" | "warn" | "danger" }} News */

export class Board {
  isOn = false;
  /** @type {string} */
  filter;
  /** @type {Direction[]} */
  directions = ["c2s", "s2c"];
  /** @type {FilterProblem | null} */
  problem = null;
  /** In the order in which they came. @type {Map<string, Held>} */
  held = new Map();
  /** @type {Desk[]} */
  desks = [];
  /** What could not be held, so far. */
  unheld = { count: 0, why: "" };
  #changed;
  #told;
  /** What was held before the last wish. */
  #before;

  /**
   * @param {object} options
   * @param {() => void} options.changed
   * @param {(text: string, kind: "good" | "warn" | "danger") => void} options.told something went wrong
   */
  constructor({ changed, told }) {
    this.#changed = changed;
    this.#told = told;
    this.filter = remembered("intercept", "", asText);
    this.#before = this.#wish;
  }

  /** @returns {DeskEvents} */
  get events() {
    return {
      changed: () => this.#changed(),
      held: (frame) => {
        this.held.set(frame.key, frame);
        this.#changed();
      },
      released: (key, how) => this.#released(key, how),
      problem: (problem) => {
        // What held before still does.
        Object.assign(this, this.#before);
        remember("intercept", this.filter);
        this.problem = problem;
        this.#changed();
      },
      unheld: (count, length, why) => {
        this.unheld = { count: this.unheld.count + count, why: `${why}: the last had ${length} bytes` };
        this.#changed();
      },
      refused: (why) => this.#told(`That could not be done: ${why}.`, "warn"),
    };
  }

  /** @returns {Connection[]} */
  get connections() {
    return this.desks.flatMap(({ connections }) => [...connections]);
  }

  /** @param {Held} held @returns {Connection | undefined} */
  connectionOf({ desk, connection }) {
    return desk.connections.find((one) => one.connection === connection);
  }

  get #wish() {
    return { isOn: this.isOn, filter: this.filter, directions: this.directions };
  }

  /** Begins to hold, or holds something else. @param {string} filter @param {Direction[]} directions */
  hold(filter, directions) {
    this.#before = this.#wish;
    this.isOn = true;
    this.filter = filter;
    this.directions = directions;
    this.problem = null;
    remember("intercept", filter);
    for (const desk of this.desks) desk.hold(filter, directions);
    this.#changed();
  }

  /** Ends it: all that is held goes on. */
  stop() {
    this.isOn = false;
    this.unheld = { count: 0, why: "" };
    for (const desk of this.desks) desk.hold(null, this.directions);
    this.#changed();
  }

  /** A desk that came later learns what is wanted. @param {Desk} desk */
  add(desk) {
    this.desks.push(desk);
    if (this.isOn) desk.hold(this.filter, this.directions);
    this.#changed();
  }

  /** @param {string} key @param {Bytes | null} edited @param {boolean} mends */
  forward(key, edited, mends) {
    const held = this.held.get(key);
    held?.desk.forward(held.id, edited, mends);
  }

  /** @param {string} key @param {boolean} mends */
  drop(key, mends) {
    const held = this.held.get(key);
    held?.desk.drop(held.id, mends);
  }

  forwardAll() {
    for (const desk of this.desks) desk.forwardAll();
  }

  /** @param {string} key @param {Released} how */
  #released(key, how) {
    if (!this.held.delete(key)) return;
    if (how === "undelivered")
      this.#told("A frame that was held could not be delivered: its receiver is gone.", "warn");
    this.#changed();
  }
}
