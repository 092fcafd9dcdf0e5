// @ts-check
// The worker that holds the capture: it listens to the live tap, hands the bytes to the wasm module, and
// answers the page's questions about single rows. Frames are parsed by the codec, here and nowhere else.
// Buffers are handed over, not shared, so the page needs no isolation headers.

import { endpoint, reconnecting } from "../lib/socket.js";
import { loadModule, NotBuilt } from "../lib/wasm.js";

/** @import { Answer, Ask, Told } from "./feed.js" */
/** @import { Scope } from "./watched.js" */
/** @import { Capture } from "../pkg/framescope_wasm.js" */

/** News of the capture goes out at most this often, in milliseconds. */
const NEWS_EVERY = 50;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let newsTimer;

/** @param {Told} message @param {Transferable[]} [transfer] */
function tell(message, transfer = []) {
  // The cast: without the worker library, TypeScript takes `self` for a window.
  /** @type {{ postMessage(message: unknown, transfer: Transferable[]): void }} */ (
    /** @type {unknown} */ (self)
  ).postMessage(message, transfer);
}

/** @param {Capture} capture */
function tellNews(capture) {
  if (newsTimer !== undefined) return;
  newsTimer = setTimeout(() => {
    newsTimer = undefined;
    tell({ type: "status", status: JSON.parse(capture.status()) });
  }, NEWS_EVERY);
}

/**
 * @param {Capture} capture
 * @param {Ask} ask
 * @returns {[Answer, Transferable[]]}
 */
function answer(capture, ask) {
  switch (ask.type) {
    case "rows":
      return [{ rows: JSON.parse(capture.rows(ask.from, ask.count)) }, []];
    case "details": {
      const text = capture.frame(ask.index);
      if (text === undefined) return [{ details: null }, []];
      const wire = capture.wire(ask.index) ?? new Uint8Array();
      const unmasked = capture.unmasked(ask.index) ?? wire;
      return [{ details: JSON.parse(text), wire, unmasked }, [...new Set([wire.buffer, unmasked.buffer])]];
    }
    case "message": {
      const bytes = capture.message(ask.index) ?? new Uint8Array();
      const json = ask.pretty ? (capture.messageJson(ask.index) ?? null) : null;
      return [{ bytes, json }, [bytes.buffer]];
    }
    case "violation":
      return [{ index: capture.nextViolation(ask.from, ask.backwards) ?? null }, []];
    case "save": {
      const bytes = capture.save();
      return [{ bytes, json: null }, [bytes.buffer]];
    }
    case "clear":
      capture.clear();
      tellNews(capture);
      return [{}, []];
    default:
      throw new Error(`asked for ${JSON.stringify(ask)}`);
  }
}

/**
 * Feeds the capture from the live tap until `signal` aborts.
 *
 * @param {Capture} capture
 * @param {Scope} scope
 * @param {AbortSignal} signal
 */
function listen(capture, scope, signal) {
  let wasOpened = false;
  return reconnecting(
    endpoint(`/inspect/live?${scope}`),
    {
      trying: () => {
        wasOpened = false;
        tell({ type: "feed", state: "trying", wait: 0 });
      },
      open: () => {
        wasOpened = true;
        capture.restart(0);
        tell({ type: "feed", state: "live", wait: 0 });
      },
      message: (data) => {
        // What was under way when another scope was chosen belongs to the one before.
        if (typeof data === "string" || signal.aborted) return;
        capture.feed(0, new Uint8Array(data));
        tellNews(capture);
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

/** Does what the page asks. @param {Capture} capture */
function serve(capture) {
  let watching = new AbortController();
  /** @type {ReturnType<typeof listen> | undefined} */
  let feed;
  self.onmessage = (/** @type {MessageEvent<{ id: number, ask: Ask }>} */ { data: { id, ask } }) => {
    if (ask.type === "retry") {
      feed?.retry();
      return;
    }
    if (ask.type === "watch") {
      watching.abort();
      watching = new AbortController();
      feed = listen(capture, ask.scope, watching.signal);
      return;
    }
    try {
      const [result, transfer] = answer(capture, ask);
      tell({ type: "answer", id, answer: result }, transfer);
    } catch (error) {
      tell({ type: "answer", id, error: String(error) });
    }
  };
}

try {
  const { Capture, codecVersion } = await loadModule();
  const capture = new Capture();
  // Number 0: the live tap.
  capture.addSource("tap", "");
  tell({ type: "ready", codecVersion: codecVersion() });
  tell({ type: "status", status: JSON.parse(capture.status()) });
  serve(capture);
} catch (error) {
  tell({ type: "failed", isNotBuilt: error instanceof NotBuilt, reason: String(error) });
}
