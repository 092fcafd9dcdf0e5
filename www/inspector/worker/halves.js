// @ts-check
// The inspector's module comes in two halves. wasm-client/split.mjs makes them, and takes from here what the first has to have.

import { loadSecondHalf } from "../../lib/wasm.js";

/** Methods of the capture that the first half has: what a live list of rows takes. All others wait for the second. */
export const FIRST_HALF = new Set([
  "addSource",
  "connections",
  "fault",
  "feed",
  "finish",
  "removeSource",
  "restart",
  "rowAt",
  "rows",
  "setFormat",
  "sources",
  "status",
  "viewIndex",
  "viewPlace",
  "viewRows",
  "work",
]);

/** The second half, fetched when it is first asked for. */
export class SecondHalf {
  #exports;
  /** Resolves, with what went wrong if something did. @type {Promise<unknown> | null} */
  #coming = null;
  #isThere = false;
  #isAwaited = false;
  #arrive = () => {};
  /** Resolves when every method can be called. It asks for nothing. @type {Promise<void>} */
  there = new Promise((resolve) => {
    this.#arrive = resolve;
  });

  /** @param {object} exports of the first half */
  constructor(exports) {
    this.#exports = exports;
  }

  /** Whether the method can be called now. @param {string} method */
  isThereFor(method) {
    return this.#isThere || (FIRST_HALF.has(method) && !this.#isAwaited);
  }

  /** Resolves when it came, or with what went wrong; then it is tried again when it is next asked for. */
  fetched() {
    this.#coming ??= loadSecondHalf(this.#exports).then(
      () => {
        this.#isThere = true;
        this.#arrive();
      },
      (error) => {
        this.#coming = null;
        this.#isAwaited = false;
        return error;
      },
    );
    return this.#coming;
  }

  /**
   * Resolves when the method can be called. Behind one that waits and will change something, all wait in line.
   *
   * @param {string} method
   * @param {boolean} changes
   * @throws what went wrong, if the method needs the second half
   */
  async arrivedFor(method, changes) {
    this.#isAwaited ||= changes && !FIRST_HALF.has(method);
    const problem = await this.fetched();
    if (problem && !FIRST_HALF.has(method)) throw problem;
  }
}
