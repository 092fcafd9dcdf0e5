// @ts-check
// Puts the page's own connections into the capture, beside what others see of them: a source in the list of sources.

/** @import { App } from "../../app.js" */
/** @import { Bytes } from "./bytes.js" */

/**
 * One connection in the capture.
 *
 * @typedef {object} Recording
 * @property {(direction: "c2s" | "s2c", bytes: Bytes) => void} bytes
 * @property {(direction: "c2s" | "s2c", isReset: boolean) => void} end
 * @property {() => Promise<number | null>} handle
 */

export class Recorder {
  #app;
  #name;
  /** @type {Promise<number> | null} */
  #source = null;

  /** @param {App} app @param {string} name of the source */
  constructor(app, name) {
    this.#app = app;
    this.#name = name;
  }

  /** @param {string} url @returns {Recording} */
  open(url) {
    const { capture } = this.#app;
    const handle = this.#opened(url);
    // One after the other, as it was on the wire; what cannot be recorded must not stop the connection.
    /** @type {Promise<unknown>} */
    let line = handle;
    /** @param {(handle: number) => Promise<unknown>} what */
    const then = (what) => {
      line = line.then(async () => {
        const opened = await handle;
        if (opened !== null) await what(opened);
      });
      line = line.catch(() => {});
    };
    return {
      bytes: (direction, bytes) => {
        const [time, copy] = [now(), bytes.slice()];
        then((opened) => capture.clientBytes(opened, direction, time, copy));
      },
      end: (direction, isReset) => then((opened) => capture.clientEnd(opened, direction, isReset)),
      handle: () => handle,
    };
  }

  /** @param {string} url */
  async #opened(url) {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        this.#source ??= this.#app.capture.addSource("client", this.#name);
        return await this.#app.capture.openClient(await this.#source, url);
      } catch {
        // The user may have taken the source away: then there is another.
        this.#source = null;
      }
    }
    return null;
  }
}

/** Milliseconds since the epoch, in finer steps than those of `Date`. */
function now() {
  return performance.timeOrigin + performance.now();
}
