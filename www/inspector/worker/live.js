// @ts-check
// The live tap: bytes that the server, or the proxy, sees pass.

import { endpoint, reconnecting } from "../../lib/socket.js";

/** @import { Context } from "./types.js" */
/** @import { Scope } from "../watched.js" */
/** @import { SourceKind } from "../app.js" */

export class LiveTap {
  #context;
  #watching = new AbortController();
  /** @type {ReturnType<typeof reconnecting> | undefined} */
  #feed;
  /** @type {number | undefined} */
  #source;

  methods = {
    /** @param {Scope} scope @param {SourceKind} kind @param {string} name */
    watch: (scope, kind, name) => this.#watch(scope, kind, name),
    retry: () => this.#feed?.retry(),
  };

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
  }

  /** What was seen of another scope goes: it is not to be taken for this one. @param {Scope} scope @param {SourceKind} kind @param {string} name */
  #watch(scope, kind, name) {
    const { capture, changed } = this.#context;
    this.#watching.abort();
    this.#watching = new AbortController();
    if (this.#source !== undefined) capture.removeSource(this.#source);
    this.#source = capture.addSource(kind, name);
    this.#feed = this.#listen(scope, this.#source, this.#watching.signal);
    changed();
    return this.#source;
  }

  /** @param {Scope} scope @param {number} source @param {AbortSignal} signal */
  #listen(scope, source, signal) {
    const { capture, tell, changed } = this.#context;
    let wasOpened = false;
    let opened = 0;
    return reconnecting(
      endpoint(`/inspect/live?${scope}`),
      {
        trying: () => {
          wasOpened = false;
          tell({ type: "feed", state: "trying", wait: 0 });
        },
        open: () => {
          wasOpened = true;
          if (opened > 0) capture.restart(source);
          opened += 1;
          tell({ type: "feed", state: "live", wait: 0 });
        },
        message: (data) => {
          // What was under way when another scope was chosen belongs to the one before.
          if (typeof data === "string" || signal.aborted) return;
          capture.feed(source, new Uint8Array(data));
          changed();
        },
        lost: (wait) => {
          tell({ type: "feed", state: "lost", wait });
          // A server that was started anew knows no cookie of before: a page brings one that it knows. It may as
          // well not be there yet, and the next try finds that out.
          if (!wasOpened) fetch("/inspector", { method: "HEAD", cache: "no-store" }).catch(() => {});
        },
      },
      signal,
    );
  }
}
