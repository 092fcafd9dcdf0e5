// @ts-check
// The worker that holds the capture. It hands bytes to the wasm module, wherever they come from, and answers the
// page's questions. Frames are parsed by the codec, here and nowhere else. Buffers are handed over, not shared, so
// the page needs no isolation headers.
//
// Between two messages it does whatever work waits in the capture, a few milliseconds at a time, so that no question
// waits for a scan over a million rows.

import { loadFirstHalf, loadReader, NotBuilt, NotLoaded } from "../lib/wasm.js";
import { Files } from "./worker/files.js";
import { SecondHalf } from "./worker/halves.js";
import { LiveTap } from "./worker/live.js";
import { Proxies } from "./worker/proxies.js";
import { Speeches } from "./worker/speech.js";

/** @import { Conversation, Details, JudgedHandshake, Row } from "./app.js" */
/** @import { Ask, Told } from "./link.js" */

/** News of the capture goes out at most this often, in milliseconds. */
const NEWS_EVERY = 50;

/** Work is done in pieces of so many milliseconds. */
const PIECE = 8;

/** What answers with rows, and with all about one: the terms of subprotocols are put in here. */
const ROWS = new Set(["rows", "viewRows"]);
const ROW = "frame";

/** What answers with text that is no JSON. */
const TEXTS = new Set(["messageJson", "snippet"]);

/** After these the page hears at once how things are. */
const CHANGES = new Set([
  "addSource",
  "feed",
  "finish",
  "restart",
  "removeSource",
  "clientBytes",
  "clientIntervened",
  "clientEnd",
  "assume",
  "clear",
  "setBudget",
  "setView",
  "setColours",
  "setSearch",
]);

/** @param {Told} message @param {Transferable[]} [transfer] */
function tell(message, transfer = []) {
  // The cast: without the worker library, TypeScript takes `self` for a window.
  /** @type {{ postMessage(message: unknown, transfer: Transferable[]): void }} */ (
    /** @type {unknown} */ (self)
  ).postMessage(message, transfer);
}

/**
 * Tells how the capture is, but not too often, and keeps its waiting work going.
 *
 * @param {Record<string, (...args: never[]) => unknown>} capture
 * @param {() => Speeches} speeches
 */
function keeper(capture, speeches) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isWorking = false;
  // A message to oneself waits for those that came before, and for nothing else: a timer of 0 would wait 4 ms.
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = () => {
    isWorking = /** @type {(milliseconds: number) => boolean} */ (capture.work).call(capture, PIECE);
    if (isWorking) port1.postMessage(null);
    news();
  };

  function news() {
    timer ??= setTimeout(() => {
      timer = undefined;
      tellStatus();
    }, NEWS_EVERY);
  }

  function tellStatus() {
    const status = ask("status");
    status.generation += speeches().generation;
    tell({ type: "status", status, sources: ask("sources") });
  }

  /** @param {string} method */
  function ask(method) {
    return JSON.parse(String(capture[method]?.call(capture)));
  }

  return {
    /** Something changed: there is news, and perhaps work. */
    changed() {
      news();
      if (isWorking) return;
      isWorking = true;
      port1.postMessage(null);
    },
    /** The same, told now. */
    tellNow() {
      clearTimeout(timer);
      timer = undefined;
      tellStatus();
    },
  };
}

/**
 * What a method of the capture answers, as the page is to have it.
 *
 * @param {string} method
 * @param {unknown} answer
 * @returns {[unknown, Transferable[]]}
 */
function asAnswer(method, answer) {
  if (answer instanceof Uint8Array) return [answer, [answer.buffer]];
  if (typeof answer === "string" && !TEXTS.has(method)) return [JSON.parse(answer), []];
  return [answer, []];
}

/**
 * Adds the opening handshake, which the reader judges, to what the capture knows of a connection.
 *
 * @param {import("./worker/types.js").Methods} capture
 * @param {Conversation | undefined} conversation
 */
async function withHandshake(capture, conversation) {
  if (!conversation) return conversation;
  const { judgeHandshake } = await loadReader();
  /** @param {string} direction The cast: the method answers so. */
  const head = (direction) =>
    /** @type {Uint8Array | undefined} */ (
      capture.head?.call(capture, .../** @type {never[]} */ ([conversation.info.connection, direction]))
    );
  /** @type {JudgedHandshake} */
  const judged = JSON.parse(judgeHandshake(head("c2s"), head("s2c")));
  return { ...conversation, ...judged };
}

/** @param {unknown} argument Objects go into the module as JSON. */
function asArgument(argument) {
  const isObject = typeof argument === "object" && argument !== null && !(argument instanceof Uint8Array);
  return isObject ? JSON.stringify(argument) : (argument ?? undefined);
}

try {
  const {
    module: { Capture, codecVersion },
    exports,
  } = await loadFirstHalf();
  const second = new SecondHalf(exports);
  // The cast: methods are called by name here.
  const capture = /** @type {import("./worker/types.js").Methods} */ (/** @type {unknown} */ (new Capture()));
  const keep = keeper(capture, () => speeches);
  const context = { capture, tell, changed: keep.changed };
  const speeches = new Speeches(context, async () => {
    await second.there;
    return loadReader();
  });
  /** What the page asks for besides the capture itself. @type {Record<string, Record<string, Function>>} */
  const services = {
    live: new LiveTap(context).methods,
    files: new Files(context).methods,
    proxies: new Proxies(context).methods,
    // There is room now for what can be done with rows. If it fails here, it is tried again when it is needed, and whoever
    // needs it hears why.
    page: { painted: () => void second.fetched() },
  };
  self.onmessage = async (/** @type {MessageEvent<Ask>} */ { data: { id, to, method, args } }) => {
    try {
      if (to !== "capture") {
        tell({ type: "answer", id, result: await services[to]?.[method]?.(...args) });
        return;
      }
      const target = capture[method];
      if (typeof target !== "function") throw new Error(`the module has no ${method}()`);
      if (!second.isThereFor(method)) await second.arrivedFor(method, CHANGES.has(method));
      const [answer, transfer] = asAnswer(method, target.apply(capture, /** @type {never[]} */ (args.map(asArgument))));
      // The casts: these methods answer so.
      const result = ROWS.has(method)
        ? speeches.label(/** @type {Row[]} */ (answer))
        : method === ROW
          ? speeches.decode(/** @type {Details | undefined} */ (answer))
          : method === "conversation"
            ? await withHandshake(capture, /** @type {Conversation | undefined} */ (answer))
            : answer;
      if (method === "clear" || method === "removeSource") speeches.clear();
      // Whoever is told that there is another view already knows what is in its beginning.
      if (method === "setView") {
        capture.work(PIECE);
        keep.tellNow();
      }
      tell({ type: "answer", id, result }, transfer);
      if (CHANGES.has(method)) keep.changed();
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      tell({ type: "answer", id, error: words, isNotLoaded: error instanceof NotLoaded });
    }
  };
  tell({ type: "ready", codecVersion: codecVersion() });
  keep.tellNow();
} catch (error) {
  tell({ type: "failed", isNotBuilt: error instanceof NotBuilt, reason: String(error) });
}
