// @ts-check
// The rows that the list has heard of, and the asking for those it has not.

/** @import { Row } from "../pkg/framescope_wasm.js" */

/** Rows are asked for in runs of this many. */
const RUN = 64;

/** Runs kept; the ones asked for longest ago go first. */
const KEPT = 64;

/** @typedef {{ rows: Map<number, Row>, isFinal: boolean, isAsked: boolean }} Run */

export class Rows {
  #ask;
  #changed;
  /** In the order in which they were last asked for. @type {Map<number, Run>} */
  #runs = new Map();
  #generation = 0;

  /**
   * @param {(from: number, count: number) => Promise<Row[]>} ask
   * @param {() => void} changed called when rows came that were asked for
   */
  constructor(ask, changed) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /**
   * The row, if it is known; if not, it soon will be.
   *
   * @param {number} index
   * @returns {Row | undefined}
   */
  get(index) {
    const number = Math.floor(index / RUN);
    const run = this.#runs.get(number) ?? { rows: new Map(), isFinal: false, isAsked: false };
    if (!this.#runs.has(number)) this.#keep(number, run);
    if (!run.isFinal && !run.isAsked) void this.#fetch(number, run);
    return run.rows.get(index);
  }

  /** What may have changed since is asked for again when it is next wanted: runs with room, and open messages. */
  refresh() {
    for (const run of this.#runs.values()) {
      const isSettled = (/** @type {Row} */ row) => row.fragment === null || row.fragment.of !== null;
      run.isFinal = run.rows.size === RUN && [...run.rows.values()].every(isSettled);
    }
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
      run.rows = new Map(rows.map((row) => [row.index, row]));
      // Until the next news nothing can have changed.
      run.isFinal = true;
      this.#runs.delete(number);
      this.#keep(number, run);
      this.#changed();
    } finally {
      run.isAsked = false;
    }
  }
}
