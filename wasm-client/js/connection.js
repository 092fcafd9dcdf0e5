// @ts-check
// One connection: moves bytes between a byte stream and the engine, says what happened, and keeps the time.
//
//   CONNECTING ── the stream, then the 101 ──► OPEN ── close(), or the server's Close ──► CLOSING ──► CLOSED
//
// A listener may call anything at any time. So the engine is asked for one event after the other, never calls back,
// and is let go in a task of its own.

/** @import { ByteStream, ByteStreamHandlers, OpenStream, WebSocketClientError } from "../src/client.d.ts" */
/** @import { Engine, Target, Watcher } from "./types.d.ts" */

import { makeError, saying, toData } from "./values.js";

export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;

/** What `engine.next()` says, as in `client.rs`. */
const NOTHING = 0;
const OPENED = 1;
const TEXT = 2;
const BINARY = 3;
const PING = 4;
const PONG = 5;
const CLOSE = 6;
const FAILED = 7;
const REFUSED = 8;
const FRAME = 9;
const STALLED = 10;

/** How long the body of a refusal is waited for, in milliseconds. */
const BODY_TIMEOUT = 300;

/** Rules that are limits of ours. */
const LIMITS = ["message-too-big", "too-many-fragments"];

const NO_BYTES = new Uint8Array(0);

export class Connection {
  /** @type {0 | 1 | 2 | 3} */
  readyState = CONNECTING;
  protocol = "";
  extensions = "";

  #engine;
  #watcher;
  #times;
  #url = "";
  /** @type {ByteStream | undefined} */
  #stream;
  /** Ends the opening of the stream. */
  #opening = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** What was sent before there was anybody to send it to, and how many bytes that is.
   * @type {(() => void)[]} */
  #early = [];
  #earlyBytes = 0;
  /** Bytes that the stream has and did not take yet. */
  #inFlight = 0;
  #isWriting = false;
  /** What the engine works on, if it came in one piece: most messages are cut out of it. */
  #chunk = NO_BYTES;
  #isPumping = false;
  #isStalled = false;
  /** The stream waits for answers to be written, and for this.
   * @type {{ promise: Promise<void>, resolve: () => void } | undefined} */
  #pause;
  #isRefused = false;
  /** We broke off, so our half of the stream ends when all is written. */
  #hasFailed = false;
  #hasEnded = false;
  #theyEnded = false;
  #isOver = false;

  /**
   * @param {Engine} engine ready to write its request
   * @param {{ handshakeTimeout: number, closeTimeout: number }} times
   * @param {Watcher} watcher
   */
  constructor(engine, times, watcher) {
    this.#engine = engine;
    this.#times = times;
    this.#watcher = watcher;
  }

  /** Bytes handed over that the stream has not taken yet. */
  get bufferedAmount() {
    return this.#earlyBytes + this.#inFlight + (this.#isOver ? 0 : this.#engine.due());
  }

  /**
   * @param {Omit<Target, "signal">} target
   * @param {OpenStream} openStream
   */
  async start(target, openStream) {
    const { handshakeTimeout } = this.#times;
    this.#url = target.url;
    this.#after(handshakeTimeout, () => {
      this.#finish(makeError("ERR_TIMEOUT", `no connection to ${target.url} within ${handshakeTimeout} ms`));
    });
    try {
      // Not before whoever made us has put their listeners on.
      await undefined;
      if (this.#isOver) return;
      const stream = await openStream({ ...target, signal: this.#opening.signal }, this.#handlers());
      if (this.#isOver) return stream.destroy();
      this.#stream = stream;
    } catch (cause) {
      this.#lose(cause);
      return;
    }
    this.#engine.request();
    this.#flush();
  }

  /**
   * Sends now, or once it is open.
   *
   * @param {(engine: Engine) => void} send
   * @param {number} bytes about how many, while they wait
   */
  send(send, bytes) {
    if (this.#isOver) return;
    if (this.#hasOpened) {
      send(this.#engine);
      this.#flush();
      return;
    }
    this.#earlyBytes += bytes;
    this.#early.push(() => send(this.#engine));
  }

  /**
   * @param {number} code 0 for none
   * @param {string} reason
   */
  close(code, reason) {
    if (this.readyState >= CLOSING) return;
    this.send((engine) => engine.close(code, reason), 0);
    const wasOpen = this.readyState === OPEN;
    this.readyState = CLOSING;
    if (wasOpen) this.#wait();
  }

  terminate() {
    this.#finish();
  }

  /** @returns {ByteStreamHandlers} */
  #handlers() {
    return {
      data: (bytes) => this.#receive(bytes),
      end: () => {
        if (this.#isOver) return;
        this.#theyEnded = true;
        if (this.#isRefused) this.#refuse();
        else if (!this.#hasOpened)
          this.#finish(makeError("ERR_HANDSHAKE", "the server closed the connection without an answer"));
        // Without a Close it is over; with one, ours is to go out first.
        else if (this.#engine.is_ended()) this.#settle();
        else this.#finish();
      },
      closed: (cause) => {
        if (this.#isOver) return;
        if (this.#isRefused) return this.#refuse();
        const isAwaited = this.#engine.is_ended() || (!cause && this.#hasOpened);
        if (isAwaited) return this.#finish();
        this.#lose(cause);
      },
    };
  }

  get #hasOpened() {
    return this.#early === NONE;
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  #receive(bytes) {
    if (this.#isOver || bytes.length === 0) return undefined;
    this.#engine.watch(this.#watcher.wants("frame"));
    this.#chunk = this.#engine.receive(bytes) ? bytes : NO_BYTES;
    if (this.#watcher.wants("wire")) this.#watcher.tell("wire", "s2c", new Uint8Array(bytes));
    if (this.#isRefused) this.#awaitBody();
    else this.#pump();
    if (!this.#isStalled || this.#isOver) return undefined;
    this.#pause ??= makePause();
    return this.#pause.promise;
  }

  /** Works off what came. */
  #pump() {
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#isStalled = false;
    while (!this.#isOver) {
      const happening = this.#engine.next();
      if (happening === STALLED) this.#isStalled = true;
      if (happening === NOTHING || happening === STALLED) break;
      this.#dispatch(happening);
    }
    this.#isPumping = false;
    if (!this.#isStalled) {
      this.#chunk = NO_BYTES;
      this.#goOn();
    }
    this.#flush();
    if (!this.#isOver && this.#engine.is_exhausted()) this.#finish();
  }

  /** @param {number} happening */
  #dispatch(happening) {
    switch (happening) {
      case OPENED:
        return this.#opened();
      case TEXT:
        return this.#hand("message", false);
      case BINARY:
        return this.#hand("message", true);
      case PING:
        return this.#hand("ping");
      case PONG:
        return this.#hand("pong");
      case CLOSE:
        this.readyState = CLOSING;
        return this.#wait();
      case FAILED:
        return this.#fail();
      case REFUSED:
        this.#isRefused = true;
        this.#after(BODY_TIMEOUT, () => this.#refuse());
        return this.#awaitBody();
      case FRAME: {
        const frame = this.#engine.take();
        if (frame) this.#watcher.tell("frame", "s2c", frame);
        return undefined;
      }
    }
  }

  /**
   * @param {"message" | "ping" | "pong"} event
   * @param {boolean[]} more
   */
  #hand(event, ...more) {
    if (!this.#watcher.wants(event)) return;
    const [start, end] = [this.#engine.place_start(), this.#engine.place_end()];
    const bytes = end > 0 ? this.#chunk.subarray(start, end) : this.#engine.take();
    if (bytes) this.#watcher.tell(event, toData(bytes), ...more);
  }

  #opened() {
    clearTimeout(this.#timer);
    this.protocol = this.#engine.text(0);
    this.extensions = this.#engine.text(1);
    const early = this.#early;
    this.#early = NONE;
    this.#earlyBytes = 0;
    if (this.readyState === CONNECTING) this.readyState = OPEN;
    else this.#wait();
    for (const send of early) send();
    this.#watcher.tell("open");
  }

  /** The server broke a rule, and the Close that says so is due. */
  #fail() {
    const [rule, section, closeCode] = [this.#engine.text(3), this.#engine.text(4), this.#engine.number()];
    const says = this.#engine.text(2);
    this.readyState = CLOSING;
    this.#hasFailed = true;
    this.#wait();
    // Before anybody hears of it, who might cut the connection at once: the server is to know why.
    this.#writeOut();
    const isLimit = LIMITS.includes(rule);
    const message = `${isLimit ? "over a limit" : "the server broke a rule"}: ${says} (${section}); closed with ${closeCode}`;
    const details = { rule, section, closeCode };
    this.#watcher.tell("error", makeError(isLimit ? "ERR_LIMIT" : "ERR_PROTOCOL", message, details));
  }

  #awaitBody() {
    if (this.#engine.body_missing() === 0) this.#refuse();
  }

  #refuse() {
    const engine = this.#engine;
    const details = {
      status: engine.number(),
      response: engine.text(5),
      rule: engine.text(3),
      section: engine.text(4),
    };
    this.#finish(makeError("ERR_HANDSHAKE", `no WebSocket: ${engine.text(2)}`, details));
  }

  /** Writes what is due, unless something is being written; then it goes behind that, in one piece. */
  #flush() {
    // While events are being handed out, what is sent in answer goes in one piece behind them.
    if (!this.#isPumping) this.#writeOut();
  }

  #writeOut() {
    if (this.#isOver || this.#isWriting || !this.#stream || this.#hasEnded) return;
    this.#engine.watch(this.#watcher.wants("frame"));
    const bytes = this.#engine.output();
    if (!bytes) return this.#settle();
    this.#isWriting = true;
    this.#inFlight = bytes.length;
    if (this.#watcher.wants("wire")) this.#watcher.tell("wire", "c2s", bytes.slice());
    for (let frame = this.#sent(); frame; frame = this.#sent()) this.#watcher.tell("frame", "c2s", frame);
    if (!this.#isOver) this.#write(this.#stream, bytes);
  }

  #sent() {
    return this.#isOver ? undefined : this.#engine.sent();
  }

  /**
   * @param {ByteStream} stream
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async #write(stream, bytes) {
    try {
      await stream.write(bytes);
    } catch (cause) {
      this.#lose(cause);
      return;
    }
    if (this.#isOver) return;
    this.#isWriting = false;
    this.#inFlight = 0;
    // Patience begins anew with each sign of life.
    if (this.readyState === CLOSING && this.#hasOpened) this.#wait();
    if (this.#isStalled) this.#pump();
    else this.#flush();
  }

  /** All is written. */
  #settle() {
    if (this.#isWriting || this.#isOver || !this.#hasOpened) return;
    if (this.#hasFailed && !this.#hasEnded) {
      this.#hasEnded = true;
      this.#stream?.end();
    }
    // The server ends the stream (RFC 6455, 7.1.1).
    if (this.#theyEnded) this.#finish();
  }

  /** Waits for the server's Close, and for it to end the stream. */
  #wait() {
    this.#after(this.#times.closeTimeout, () => this.#finish());
  }

  /**
   * @param {number} milliseconds
   * @param {() => void} then
   */
  #after(milliseconds, then) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, milliseconds);
  }

  #goOn() {
    const pause = this.#pause;
    this.#pause = undefined;
    pause?.resolve();
  }

  /** @param {unknown} cause */
  #lose(cause) {
    if (this.#isOver) return;
    const what = this.#hasOpened ? "the connection broke" : `no connection to ${this.#url}`;
    this.#finish(makeError("ERR_STREAM", `${what}: ${saying(cause)}`, { cause }));
  }

  /** @param {WebSocketClientError} [error] */
  #finish(error) {
    if (this.#isOver) return;
    this.#inFlight = this.bufferedAmount;
    this.#earlyBytes = 0;
    this.#isOver = true;
    this.#early = NONE;
    clearTimeout(this.#timer);
    this.readyState = CLOSING;
    this.#opening.abort(error ?? new Error("terminated"));
    if (this.#stream) {
      if (this.#theyEnded && !this.#hasEnded) this.#stream.end();
      this.#stream.destroy();
      this.#stream = undefined;
    }
    this.#goOn();
    const engine = this.#engine;
    const code = engine.end();
    const [reason, wasClean] = code === 1006 ? ["", false] : [engine.text(2), engine.number() === 1];
    queueMicrotask(() => {
      engine.free();
      if (error) this.#watcher.tell("error", error);
      this.readyState = CLOSED;
      this.#watcher.tell("close", code, reason, wasClean);
      this.#watcher.rest();
    });
  }
}

/** Nothing is early any more.
 * @type {(() => void)[]} */
const NONE = [];

function makePause() {
  let resolve = () => {};
  const promise = new Promise((/** @type {(value?: undefined) => void} */ settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
