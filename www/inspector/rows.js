// @ts-check
// The rows that the list has heard of, by their place in it, and the asking for those it has not.

/** @import { Row } from "./app.js" */

/** Rows are asked for in runs of this many. */
const RUN = 64;

/** Runs kept; the ones asked for longest ago go first. */
const KEPT = 64;

/** @typedef {{ rows: (Row | undefined)[], isFinal: boolean, isAsked: boolean }} Run */

export class Rows {
  #ask;
  #changed;
  /** In the order in which they were last asked for. @type {Map<number, Run>} */
  #runs = new Map();
  #generation = 0;

  /**
   * @param {(from: number, count: number) => Promise<(Row | undefined)[]>} ask for the rows from a place on
   * @param {() => void} changed called when rows came that were asked for
   */
  constructor(ask, changed) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /**
   * The row, if it is known; if not, it soon will be.
   *
   * @param {number} place
   * @returns {Row | undefined}
   */
  get(place) {
    const number = Math.floor(place / RUN);
    const run = this.#runs.get(number) ?? { rows: [], isFinal: false, isAsked: false };
    if (!this.#runs.has(number)) this.#keep(number, run);
    if (!run.isFinal && !run.isAsked) void this.#fetch(number, run);
    return run.rows[place - number * RUN];
  }

  /** What may have changed since is asked for again when it is next wanted: runs with room, and open messages. */
  refresh() {
    for (const run of this.#runs.values()) {
      const isSettled = (/** @type {Row | undefined} */ row) =>
        row !== undefined && (row.fragment === null || row.fragment.of !== null);
      // One that is outdated stays so: being whole does not make it new.
      run.isFinal &&= run.rows.length === RUN && run.rows.every(isSettled);
    }
  }

  /** All of them may look different: what is known is shown until the new is here. */
  outdate() {
    for (const run of this.#runs.values()) run.isFinal = false;
    this.#generation += 1;
  }

  /** Forgets everything. */
  clear() {
    this.#runs.clear();
    this.#generation += 1;
  }

  /** @param {number} number @param {Run} run */
  #keep(number, run) {
    this.#runs.set(number, run);
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= KEPT) break;
      this.#runs.delete(oldest);
    }
  }

  /** @param {number} number @param {Run} run */
  async #fetch(number, run) {
    run.isAsked = true;
    const generation = this.#generation;
    try {
      const rows = await this.#ask(number * RUN, RUN);
      if (generation !== this.#generation) return;
      run.rows = rows;
      // Until the next news nothing can have changed.
      run.isFinal = true;
      this.#runs.delete(number);
      this.#keep(number, run);
    } catch (error) {
      // Not again before there are news.
      run.isFinal = true;
      throw error;
    } finally {
      run.isAsked = false;
      this.#changed();
    }
  }
}
