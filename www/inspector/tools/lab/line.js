// @ts-check
// A connection of which the page writes every byte: the opening handshake as it was typed, frames cut as one likes. It
// runs on the stream of `WebSocketClient`, the tunnel; the module reads what comes back. All of it, both ways, goes
// into the capture.

import { utf8 } from "./bytes.js";

/** @import { AnswerHead, ByteStream, DissectedFrame } from "../../../pkg/client/framescope_wasm.js" */
/** @import { Bytes } from "./bytes.js" */
/** @import { Modules } from "./modules.js" */
/** @import { Recorder, Recording } from "./recorder.js" */

/** @typedef {"c2s" | "s2c"} Direction */

/**
 * Stands between a line and the network: takes the bytes of both directions as they come, handshake included, and hands
 * them on when it likes, as they were, others, or none.
 *
 * @typedef {object} Sluice
 * @property {(direction: Direction, bytes: Bytes) => void} take
 * @property {(direction: Direction) => void} end no more of this direction will come
 * @property {(then: () => void) => void} hangUp the network is gone: calls this once all that it sent was handed on
 * @property {() => void} closed the line is gone, with whatever was held
 */

/**
 * Where a sluice hands things on. A comment is for the capture, and says what was done to these bytes; without any, they
 * were dropped.
 *
 * @typedef {object} Onward
 * @property {(direction: Direction, bytes: Bytes, comment?: string | null) => void} hand
 * @property {(direction: Direction) => void} end
 */

/** Every line that is open, and who stands between each new one and the network, if anybody does. */
export const lines = {
  /** @type {Set<Line>} */
  open: new Set(),
  /** @type {((line: Line, onward: Onward) => Sluice) | null} */
  divert: null,
};

/**
 * What a line tells.
 *
 * @typedef {object} Events
 * @property {(head: AnswerHead) => void} [head] the answer to the opening handshake
 * @property {(frame: DissectedFrame) => void} [frame] a frame of the server's
 * @property {(bytes: Bytes, isAutomatic: boolean) => void} [sent] bytes went out
 * @property {() => void} [ended] the server writes no more
 * @property {(why: string | null) => void} [closed] nothing works any more; with a reason, if it was not to be so
 */

/** Opcodes. */
const CLOSE = 8;
const PING = 9;
const PONG = 10;

export class Line {
  /** @type {"opening" | "asked" | "open" | "refused" | "closed"} */
  state = "opening";
  /** @type {AnswerHead | null} */
  head = null;
  /** Frames both ways so far: what was sent, what came. */
  frames = { sent: 0, come: 0 };
  /** Whether the server ended its half. */
  hasEnded = false;
  /** Whether a Close of ours went out. */
  saidClose = false;
  #modules;
  #events;
  #answers;
  /** @type {Recording} */
  #recording;
  #reader;
  /** @type {ByteStream | null} */
  #stream = null;
  /** @type {Sluice | null} */
  #sluice = null;
  /** Our half of the stream has ended. */
  #saidEnd = false;
  #giveUp = new AbortController();
  /** @type {Promise<unknown>} */
  #writing = Promise.resolve();

  /**
   * @param {object} options
   * @param {Modules} options.modules
   * @param {Recorder} options.recorder
   * @param {string} options.url
   * @param {Bytes} options.request
   * @param {{ pings: boolean, close: boolean }} options.answers what it answers by itself
   * @param {Events} options.events
   */
  constructor({ modules, recorder, url, request, answers, events }) {
    this.#modules = modules;
    this.#events = events;
    this.#answers = answers;
    this.url = url;
    this.request = request;
    this.#reader = new modules.AnswerReader(request);
    this.#recording = recorder.open(url);
  }

  get recording() {
    return this.#recording;
  }

  /** What came in place of frames, as text. */
  get body() {
    return this.state === "closed" ? this.#body : this.#reader.body;
  }

  #body = "";

  /**
   * Opens the stream, and writes the request.
   *
   * @param {(bytes: Bytes) => Bytes[]} [cut] into the pieces in which it is written
   */
  async open(cut = (bytes) => [bytes]) {
    try {
      const stream = await this.#modules.WebSocketClient.openStream(
        this.url,
        {
          data: (bytes) => this.#receive(bytes),
          end: () => this.#end(),
          closed: (error) => this.#lost(error ? saying(error) : null),
        },
        { signal: this.#giveUp.signal },
      );
      // The capture knows of it before a tap of the server can show it: so it is listed once.
      await this.#recording.handle();
      if (this.isClosed) {
        stream.destroy();
        return;
      }
      this.#stream = stream;
      this.state = "asked";
      lines.open.add(this);
      if (lines.divert) this.divert(lines.divert);
      for (const piece of cut(this.request)) {
        if (this.isClosed) return;
        await this.#write(piece);
      }
    } catch (error) {
      this.#close(saying(error));
    }
  }

  /**
   * Puts bytes on the wire as they are. Resolves when the tunnel has taken them.
   *
   * @param {Bytes} bytes
   * @param {{ frames?: number, isClose?: boolean, isAutomatic?: boolean }} [what] how many frames end in them
   */
  async send(bytes, { frames = 0, isClose = false, isAutomatic = false } = {}) {
    if (!this.#stream || this.isClosed) return false;
    this.frames.sent += frames;
    this.saidClose ||= isClose;
    this.#events.sent?.(bytes, isAutomatic);
    await this.#write(bytes);
    return !this.isClosed;
  }

  /** Ends our half of the stream. */
  end() {
    if (this.#sluice) this.#sluice.end("c2s");
    else this.#putEnd();
  }

  #putEnd() {
    this.#saidEnd = true;
    this.#writing = this.#writing.then(() => this.#stream?.end());
    this.#recording.end("c2s", false);
  }

  /** From here on somebody stands between this line and the network. @param {(line: Line, onward: Onward) => Sluice} make */
  divert(make) {
    this.#sluice = make(this, {
      hand: (direction, bytes, comment) => {
        if (direction === "c2s") void this.#put(bytes, comment).catch(() => {});
        else this.#deliver(bytes, comment);
      },
      end: (direction) => {
        if (direction === "c2s") this.#putEnd();
        else this.#ended();
      },
    });
  }

  /** Cuts the connection. */
  cut() {
    this.#close(null, true);
  }

  /** @param {Bytes} bytes @returns {Promise<unknown>} */
  #write(bytes) {
    if (!this.#sluice) return this.#put(bytes);
    this.#sluice.take("c2s", bytes);
    return Promise.resolve();
  }

  /** What goes out is what is recorded. @param {Bytes} bytes @param {string | null} [comment] @returns {Promise<unknown>} */
  #put(bytes, comment) {
    if (this.isClosed) return Promise.resolve();
    this.#recording.bytes("c2s", bytes, comment);
    if (bytes.length === 0) return this.#writing;
    const written = this.#writing.then(() => this.#stream?.write(bytes));
    this.#writing = written.catch(() => {});
    return this.#writing;
  }

  /** @param {Bytes} bytes */
  #receive(bytes) {
    if (this.isClosed) return;
    if (this.#sluice) this.#sluice.take("s2c", bytes);
    else this.#deliver(bytes);
  }

  /** What comes in is what is recorded. @param {Bytes} bytes @param {string | null} [comment] */
  #deliver(bytes, comment) {
    if (this.isClosed) return;
    this.#recording.bytes("s2c", bytes, comment);
    if (bytes.length === 0) return;
    this.#reader.feed(bytes);
    if (!this.head) {
      const head = this.#reader.head();
      if (head === undefined) return;
      // The cast: as `inspector.d.ts` has it.
      this.head = /** @type {AnswerHead} */ (JSON.parse(head));
      this.state = this.head.status === 101 ? "open" : "refused";
      this.#events.head?.(this.head);
    }
    for (let text = this.#reader.frame(); text !== undefined; text = this.#reader.frame()) {
      this.frames.come += 1;
      /** @type {DissectedFrame} */
      const frame = JSON.parse(text);
      this.#events.frame?.(frame);
      this.#answer(frame);
      // A listener may have cut the line, and the reader with it.
      if (this.isClosed) return;
    }
  }

  get isClosed() {
    return this.state === "closed";
  }

  /** As a client must, unless it is told not to. @param {DissectedFrame} frame */
  #answer({ header, payload, payloadMissing }) {
    if (payloadMissing > 0) return;
    if (header.opcode === PING && this.#answers.pings && !this.saidClose) void this.#sendFrame(PONG, payload);
    else if (header.opcode === CLOSE && this.#answers.close && !this.saidClose)
      void this.#sendFrame(CLOSE, payload.slice(0, 4));
  }

  /** @param {number} opcode @param {string} payload in hex */
  #sendFrame(opcode, payload) {
    const bytes = Uint8Array.from(payload.match(/../g) ?? [], (hex) => Number.parseInt(hex, 16));
    const frame = new this.#modules.WebSocketFrame(opcode, bytes);
    frame.masked = true;
    const wire = asBytes(frame.toBytes());
    frame.free();
    return this.send(wire, { frames: 1, isClose: opcode === CLOSE, isAutomatic: true });
  }

  #end() {
    if (this.isClosed || this.hasEnded) return;
    if (this.#sluice) this.#sluice.end("s2c");
    else this.#ended();
  }

  #ended() {
    if (this.isClosed || this.hasEnded) return;
    this.hasEnded = true;
    this.#recording.end("s2c", false);
    this.#events.ended?.();
  }

  /** @param {string | null} why */
  #lost(why) {
    if (this.#sluice && !this.isClosed) this.#sluice.hangUp(() => this.#close(why));
    else this.#close(why);
  }

  /** @param {string | null} why @param {boolean} [isOurs] */
  #close(why, isOurs = false) {
    if (this.isClosed) return;
    this.#body = this.#reader.body;
    this.state = "closed";
    const isDone = this.hasEnded && this.#saidEnd;
    if (isOurs && !isDone) this.#recording.end("c2s", true);
    else if (!this.hasEnded) this.#recording.end("s2c", why !== null);
    lines.open.delete(this);
    this.#sluice?.closed();
    this.#giveUp.abort(new Error("given up"));
    this.#stream?.destroy();
    this.#stream = null;
    this.#events.closed?.(why);
    queueMicrotask(() => this.#reader.free());
  }
}

/** wasm-bindgen's arrays are over memory that cannot be shared, which its types do not say. @param {Uint8Array} bytes */
export function asBytes(bytes) {
  return /** @type {Bytes} */ (bytes);
}

/** @param {unknown} error */
export function saying(error) {
  const words = error instanceof Error ? error.message : String(error ?? "");
  return words || "the connection broke, and nobody said why";
}

/**
 * The opening handshake as any client would write it.
 *
 * @param {object} options
 * @param {string} options.host
 * @param {string} options.path
 * @param {string} options.key
 * @param {string} [options.protocols]
 * @param {string} [options.extensions]
 * @param {string[]} [options.headers] lines
 * @returns {Bytes}
 */
export function requestOf({ host, path, key, protocols = "", extensions = "", headers = [] }) {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    ...(protocols ? [`Sec-WebSocket-Protocol: ${protocols}`] : []),
    ...(extensions ? [`Sec-WebSocket-Extensions: ${extensions}`] : []),
    ...headers,
  ];
  return utf8(`${lines.join("\r\n")}\r\n\r\n`);
}
