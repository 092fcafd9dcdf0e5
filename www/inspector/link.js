// @ts-check
// The page's end of the worker: questions with an answer each, and news that come by themselves.

/** @import { CaptureProxy, SourceInfo, SourceKind, Status } from "./app.js" */
/** @import { Scope } from "./watched.js" */

/**
 * @typedef {{ id: number, to: "capture" | "live" | "files" | "proxies" | "page", method: string, args: unknown[] }} Ask
 *
 * @typedef {"trying" | "live" | "lost"} FeedState
 *
 * A file that is being read, or was.
 * @typedef {{ source: number, name: string, size: number, read: number,
 *   state: "waiting" | "reading" | "done" | "cancelled" | "failed", words: string }} Reading
 *
 * A proxy elsewhere.
 * @typedef {{ source: number, name: string, url: string, state: "opening" | "open" | "closed", words: string,
 *   isRefused: boolean }} ProxyState
 *
 * @typedef {{ type: "ready", codecVersion: string }
 *   | { type: "failed", isNotBuilt: boolean, reason: string }
 *   | { type: "feed", state: FeedState, wait: number }
 *   | { type: "reading", reading: Reading }
 *   | { type: "proxy", proxy: ProxyState }
 *   | { type: "trouble", words: string }
 *   | { type: "status", status: Status, sources: SourceInfo[] }
 *   | { type: "answer", id: number, result: unknown }
 *   | { type: "answer", id: number, error: string, isNotLoaded: boolean }} Told
 *
 * @typedef {Exclude<Told, { type: "answer" }>} News
 */

/** A page that is not shown draws nothing, and is told so often, in milliseconds. */
const UNSEEN = 250;

/**
 * Tells how things are when the page is drawn next: of news that came while it was busy, the latest alone.
 *
 * @param {(news: News) => void} onNews
 */
export function latest(onNews) {
  /** @type {News | null} */
  let waiting = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let frame = 0;
  const tell = () => {
    if (!waiting) return;
    const news = waiting;
    waiting = null;
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    onNews(news);
  };
  return {
    /** @param {News} news */
    take(news) {
      if (!waiting) {
        timer = setTimeout(tell, UNSEEN);
        frame = requestAnimationFrame(tell);
      }
      waiting = news;
    },
    tell,
  };
}

export class Link {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "capture" });
  #lastId = 0;
  /** What was asked before there was somebody to answer. @type {Ask[] | null} */
  #early = [];
  /** @type {Map<number, { resolve: (answer: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();

  /** Each method of the capture, by name. */
  capture = /** @type {CaptureProxy} */ (
    new Proxy(
      {},
      {
        get: (_, method) =>
          // What is awaited is asked for `then` first.
          method === "then"
            ? undefined
            : (/** @type {unknown[]} */ ...args) => this.#ask("capture", String(method), args),
      },
    )
  );

  /** @param {(news: News) => void} onNews */
  constructor(onNews) {
    const status = latest(onNews);
    this.#worker.onmessage = (/** @type {MessageEvent<Told>} */ { data }) => {
      if (data.type === "status") {
        status.take(data);
        return;
      }
      // Whoever hears something else knows how things were by then.
      status.tell();
      if (data.type !== "answer") {
        if (data.type === "ready") this.#begin();
        onNews(data);
        return;
      }
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ("error" in data) waiting?.reject(Object.assign(new Error(data.error), { isNotLoaded: data.isNotLoaded }));
      else waiting?.resolve(data.result);
    };
    this.#worker.onerror = (event) =>
      onNews({ type: "failed", isNotBuilt: false, reason: event.message || "the worker did not start" });
  }

  /** Watches these from now on. @param {Scope} scope @param {SourceKind} kind @param {string} name */
  watch(scope, kind, name) {
    return this.#ask("live", "watch", [scope, kind, name]);
  }

  /** Rows were painted: what can be done with them may be loaded now. */
  painted() {
    void this.#ask("page", "painted", []);
  }

  /** Tries the live tap again now. */
  retry() {
    void this.#ask("live", "retry", []);
  }

  /** Reads a file, behind those that are being read. @param {Blob} file @param {string} name @returns {Promise<number>} its source */
  openFile(file, name) {
    return this.#ask("files", "open", [file, name]);
  }

  /** Reads no further. @param {number} source */
  cancelFile(source) {
    void this.#ask("files", "cancel", [source]);
  }

  /**
   * @param {string} url of its live tap
   * @param {string} token
   * @param {string} name
   * @param {number} [source] the one it had
   * @returns {Promise<number>} its source
   */
  openProxy(url, token, name, source) {
    return this.#ask("proxies", "open", [url, token, name, source]);
  }

  /** @param {number} source */
  closeProxy(source) {
    void this.#ask("proxies", "close", [source]);
  }

  /** @param {Ask["to"]} to @param {string} method @param {unknown[]} args @returns {Promise<any>} */
  #ask(to, method, args) {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const ask = { id, to, method, args };
      if (this.#early) this.#early.push(ask);
      else this.#worker.postMessage(ask);
    });
  }

  /** The worker listens from now on. */
  #begin() {
    const early = this.#early ?? [];
    this.#early = null;
    for (const ask of early) this.#worker.postMessage(ask);
  }
}
