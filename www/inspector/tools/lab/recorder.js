// @ts-check
// Puts the page's own connections into the capture, beside what others see of them: a source in the list of sources.

/** @import { App } from "../../app.js" */
/** @import { Bytes } from "./bytes.js" */

/**
 * One connection in the capture.
 *
 * @typedef {object} Recording
 * @property {(direction: "c2s" | "s2c", bytes: Bytes, comment?: string | null) => void} bytes with what somebody did to
 *   them on their way
 * @property {(direction: "c2s" | "s2c", isReset: boolean) => void} end
 * @property {() => Promise<number | null>} handle
 */

export class Recorder {
  #app;
  #name;
  /** @type {Promise<number | null>} */
  #source = Promise.resolve(null);

  /** @param {App} app @param {string} name of the source */
  constructor(app, name) {
    this.#app = app;
    this.#name = name;
  }

  /** @param {string} url @returns {Recording} */
  open(url) {
    const { capture } = this.#app;
    const handle = this.#opened(url);
    // Handed over in the order in which it happened, without waiting for the one before: so do all connections stay in
    // step. What cannot be recorded must not stop a connection.
    /** @param {(handle: number) => Promise<unknown>} what */
    const then = (what) => {
      handle.then((opened) => (opened === null ? undefined : what(opened))).catch(() => {});
    };
    return {
      bytes: (direction, bytes, comment = null) => {
        const [time, copy] = [now(), bytes.slice()];
        then((opened) =>
          comment === null
            ? capture.clientBytes(opened, direction, time, copy)
            : capture.clientIntervened(opened, direction, time, copy, comment),
        );
      },
      end: (direction, isReset) => then((opened) => capture.clientEnd(opened, direction, isReset)),
      handle: () => handle,
    };
  }

  /** @param {string} url @returns {Promise<number | null>} */
  async #opened(url) {
    this.#source = this.#source.then((known) => this.#present(known)).catch(() => null);
    const source = await this.#source;
    return source === null ? null : await this.#app.capture.openClient(source, url).catch(() => null);
  }

  /** The source, or another if the user took it away. @param {number | null} known */
  async #present(known) {
    const { capture } = this.#app;
    const isThere = known !== null && (await capture.sources()).some(({ source }) => source === known);
    return isThere ? known : await capture.addSource("client", this.#name);
  }
}

/** Milliseconds since the epoch, in finer steps than those of `Date`. */
function now() {
  return performance.timeOrigin + performance.now();
}
