// @ts-check
// Reads files into the capture: one after the other, in pieces, with room for questions in between. Whatever a file is,
// what goes into the capture is pcapng: the reader's module opens it.

import { loadReader } from "../../lib/wasm.js";

/** @import { Opener } from "../../pkg/reader/framescope_wasm.js" */
/** @import { Reading } from "../link.js" */
/** @import { Context } from "./types.js" */

/** Bytes handed to the capture at once: some milliseconds of work. */
const PIECE = 256 * 1024;

/** The page hears of progress at most this often, in milliseconds. */
const NEWS_EVERY = 100;

export class Files {
  #context;
  /** @type {Map<number, AbortController>} */
  #reading = new Map();
  /** Those before this one. */
  #queue = Promise.resolve();

  methods = {
    /** Begins to read; answers with the number of the source. @param {Blob} file @param {string} name */
    open: (file, name) => this.#open(file, name),
    /** What was read stays. @param {number} source */
    cancel: (source) => this.#reading.get(source)?.abort(),
  };

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
  }

  /** @param {Blob} file @param {string} name */
  #open(file, name) {
    const source = this.#context.capture.addSource("file", name);
    const stop = new AbortController();
    this.#reading.set(source, stop);
    this.#tell({ source, name, size: file.size, read: 0, state: "waiting", words: "" });
    this.#queue = this.#queue.then(() => this.#read(file, name, source, stop.signal));
    return source;
  }

  /** @param {Blob} file @param {string} name @param {number} source @param {AbortSignal} signal */
  async #read(file, name, source, signal) {
    const { capture, changed } = this.#context;
    /** @type {Reading} */
    const reading = { source, name, size: file.size, read: 0, state: "reading", words: "" };
    let told = 0;
    /** @type {Opener | undefined} */
    let opener;
    try {
      const { Opener } = await loadReader();
      opener = new Opener();
      for await (const piece of pieces(file)) {
        if (signal.aborted) break;
        opener.feed(piece);
        await this.#take(opener, reading, signal);
        reading.read += piece.length;
        changed();
        if (performance.now() - told < NEWS_EVERY) continue;
        told = performance.now();
        this.#tell({ ...reading });
      }
      if (!signal.aborted) {
        opener.finish();
        await this.#take(opener, reading, signal);
        if (!opener.format()) capture.setFormat(source, "no format known here");
      }
      reading.state = signal.aborted ? "cancelled" : "done";
    } catch (error) {
      // A file that went away while it was read, or that the browser may not read.
      reading.state = "failed";
      reading.words = error instanceof Error ? error.message : String(error);
    } finally {
      // A module that gave up in the middle throws here again. The file is told all the same, and the next one is read.
      for (const end of [() => opener?.free(), () => capture.finish(source)]) {
        try {
          end();
        } catch (error) {
          reading.state = "failed";
          reading.words ||= String(error);
        }
      }
      this.#reading.delete(source);
      changed();
      this.#tell(reading);
    }
  }

  /**
   * Hands on what the opener has ready. A small file may hold a lot: the worker's other work gets its turn.
   *
   * @param {Opener} opener
   * @param {Reading} reading told in its words what could not be opened
   * @param {AbortSignal} signal
   */
  async #take(opener, reading, signal) {
    const { capture } = this.#context;
    const { source } = reading;
    for (let bytes = opener.next(); bytes && !signal.aborted; bytes = opener.next()) {
      capture.feed(source, bytes);
      await turn();
    }
    // Small files are looked at when their first bytes are asked for, not before.
    const format = opener.format();
    if (format) capture.setFormat(source, format);
    for (let fault = opener.nextFault(); fault; fault = opener.nextFault()) {
      capture.fault(source, fault);
      reading.words ||= fault;
    }
  }

  /** @param {Reading} reading */
  #tell(reading) {
    this.#context.tell({ type: "reading", reading });
  }
}

/**
 * The bytes of a file, in pieces that are not too large; whoever waits for the worker gets its turn after each.
 *
 * @param {Blob} file
 */
async function* pieces(file) {
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (let from = 0; from < value.length; from += PIECE) {
      yield value.subarray(from, from + PIECE);
      await turn();
    }
  }
}

/** Resolves behind the messages that wait. */
function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port2.onmessage = () => {
      port2.close();
      resolve(undefined);
    };
    port1.postMessage(null);
  });
}
