// @ts-check
// The page's end of the worker: questions with an answer each, and news that come by themselves.

/** @import { Details, Row, Status } from "../pkg/framescope_wasm.js" */
/** @import { Scope } from "./watched.js" */

/**
 * @typedef {{ type: "rows", from: number, count: number }
 *   | { type: "details", index: number }
 *   | { type: "message", index: number, pretty: boolean }
 *   | { type: "violation", from: number, backwards: boolean }
 *   | { type: "save" } | { type: "clear" } | { type: "retry" }
 *   | { type: "watch", scope: Scope }} Ask
 *
 * @typedef {{ rows: Row[] }} RowsAnswer
 * @typedef {{ details: Details, wire: Uint8Array, unmasked: Uint8Array } | { details: null }} DetailsAnswer
 * @typedef {{ bytes: Uint8Array, json: string | null }} BytesAnswer
 * @typedef {{ index: number | null }} IndexAnswer
 * @typedef {RowsAnswer | DetailsAnswer | BytesAnswer | IndexAnswer | Record<string, never>} Answer
 *
 * @typedef {"trying" | "live" | "lost"} FeedState
 * @typedef {{ type: "ready", codecVersion: string }
 *   | { type: "failed", isNotBuilt: boolean, reason: string }
 *   | { type: "feed", state: FeedState, wait: number }
 *   | { type: "status", status: Status }
 *   | { type: "answer", id: number, answer: Answer }
 *   | { type: "answer", id: number, error: string }} Told
 *
 * @typedef {Exclude<Told, { type: "answer" }>} News
 */

export class Feed {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "capture" });
  #lastId = 0;
  /** @type {Map<number, { resolve: (answer: Answer) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();

  /** @param {(news: News) => void} onNews */
  constructor(onNews) {
    this.#worker.onmessage = (/** @type {MessageEvent<Told>} */ { data }) => {
      if (data.type !== "answer") {
        onNews(data);
        return;
      }
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ("error" in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data.answer);
    };
    this.#worker.onerror = (event) =>
      onNews({ type: "failed", isNotBuilt: false, reason: event.message || "the worker did not start" });
  }

  /** @param {number} from @param {number} count @returns {Promise<Row[]>} */
  async rows(from, count) {
    // The casts here and below: each question has its own kind of answer, which the worker's `answer` pairs up.
    return /** @type {RowsAnswer} */ (await this.#ask({ type: "rows", from, count })).rows;
  }

  /** @param {number} index @returns {Promise<DetailsAnswer>} */
  async details(index) {
    return /** @type {DetailsAnswer} */ (await this.#ask({ type: "details", index }));
  }

  /**
   * The message that the row `index` completes, inflated; with `pretty`, also set out as JSON if it is JSON.
   *
   * @param {number} index
   * @param {boolean} pretty
   * @returns {Promise<BytesAnswer>}
   */
  async message(index, pretty) {
    return /** @type {BytesAnswer} */ (await this.#ask({ type: "message", index, pretty }));
  }

  /** @param {number} from @param {boolean} backwards @returns {Promise<number | null>} */
  async violation(from, backwards) {
    return /** @type {IndexAnswer} */ (await this.#ask({ type: "violation", from, backwards })).index;
  }

  /** The capture as a pcapng file. @returns {Promise<Uint8Array>} */
  async save() {
    return /** @type {BytesAnswer} */ (await this.#ask({ type: "save" })).bytes;
  }

  /** Forgets every row. */
  async clear() {
    await this.#ask({ type: "clear" });
  }

  /** Tries the live tap again now. */
  retry() {
    this.#worker.postMessage({ id: 0, ask: { type: "retry" } });
  }

  /** Watches these from now on. @param {Scope} scope */
  watch(scope) {
    this.#worker.postMessage({ id: 0, ask: { type: "watch", scope } });
  }

  /** @param {Ask} ask @returns {Promise<Answer>} */
  #ask(ask) {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ask });
    });
  }
}
