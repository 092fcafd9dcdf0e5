// @ts-check
// One connection of one case: sends the steps, and keeps what comes back.

import { fromHex, joined, random, toBase64, utf8 } from "../tools/lab/bytes.js";
import { asBytes, Line } from "../tools/lab/line.js";

/** @import { AnswerHead, DissectedFrame } from "../../pkg/client/framescope_wasm.js" */
/** @import { Bytes } from "../tools/lab/bytes.js" */
/** @import { Modules } from "../tools/lab/modules.js" */
/** @import { Recorder } from "../tools/lab/recorder.js" */
/** @import { Case, FrameStep, RequestParts, Step } from "./build.js" */

/**
 * Where a run leads, and what is known of it.
 *
 * @typedef {object} Place
 * @property {Modules} modules
 * @property {Recorder} recorder
 * @property {string} url
 * @property {AbortSignal} signal
 */

/** @typedef {{ kind: "text" | "binary", bytes: Bytes }} Said */

export class Talk {
  /** @type {AnswerHead | null} */
  head = null;
  /** @type {Said[]} */
  messages = [];
  /** @type {Bytes[]} */
  pongs = [];
  /** @type {{ code: number, reason: string } | null} */
  close = null;
  /** What the server itself did wrong, in words. @type {string[]} */
  faults = [];
  /** Its half of the stream has ended. */
  hasEnded = false;
  /** Why nothing works any more; "" if it ended as it should. @type {string | null} */
  gone = null;
  #place;
  #line;
  /** @type {Set<() => void>} */
  #waiting = new Set();

  /** @param {Place} place @param {Case | null} one @param {{ answersClose?: boolean }} [how] */
  constructor(place, one, { answersClose = true } = {}) {
    this.#place = place;
    const made = one?.request?.(partsOf(place.url, one?.offer)) ?? soundRequest(place.url, one?.offer);
    this.#line = new Line({
      modules: place.modules,
      recorder: place.recorder,
      url: place.url,
      request: typeof made === "string" ? utf8(made) : made,
      answers: { pings: true, close: answersClose },
      events: {
        head: (head) => {
          this.head = head;
          this.#wake();
        },
        frame: (frame) => {
          this.#heard(frame);
          this.#wake();
        },
        ended: () => {
          this.hasEnded = true;
          // Both have said all there is to say.
          if (this.close || this.head?.status !== 101) this.#line.end();
          this.#wake();
        },
        closed: (why) => {
          this.gone = why ?? "";
          this.#wake();
        },
      },
    });
    place.signal.addEventListener("abort", () => this.#line.cut(), { once: true });
  }

  get recording() {
    return this.#line.recording;
  }

  get body() {
    return this.#line.body;
  }

  /** Nothing more will come. */
  get isOver() {
    return this.hasEnded || this.gone !== null;
  }

  /**
   * Sends the request, and waits for the answer.
   *
   * @param {"one" | "bytes"} [cut] "one": with these steps behind it, in one write
   * @param {Step[]} [behind]
   */
  async open(cut, behind = []) {
    const more = cut === "one" ? joined(await Promise.all(behind.map((step) => this.#bytes(step)))) : new Uint8Array();
    await this.#line.open((request) => (cut === "bytes" ? singly(request) : [joined([request, more])]));
    return await this.until(() => this.head !== null || this.isOver, PATIENCE);
  }

  /** @param {Step[]} steps */
  async send(steps) {
    for (const step of steps) {
      if (this.gone !== null) return;
      if ("after" in step) await this.until(() => this[step.after].length >= step.count || this.isOver, PATIENCE);
      else if ("end" in step) this.#line.end();
      else if ("cut" in step && step.cut === "bytes")
        for (const byte of singly(await this.#bytes(step))) await this.#line.send(byte, { isClose: hasClose(step) });
      else await this.#line.send(await this.#bytes(step), { isClose: hasClose(step) });
    }
  }

  /**
   * Whether this came true, before nothing can come any more and within so many milliseconds.
   *
   * @param {() => boolean} isSo @param {number} milliseconds
   * @returns {Promise<boolean>}
   */
  until(isSo, milliseconds) {
    return new Promise((resolve) => {
      /** @param {boolean} answer */
      const settle = (answer) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(answer);
      };
      const look = () => {
        if (isSo()) settle(true);
        else if (this.gone !== null) settle(false);
      };
      const timer = setTimeout(() => settle(isSo()), milliseconds);
      this.#waiting.add(look);
      look();
    });
  }

  /** Cuts the connection, if there still is one. */
  cut() {
    this.#line.cut();
  }

  #wake() {
    for (const look of [...this.#waiting]) look();
  }

  /** @param {DissectedFrame} frame */
  #heard({ header, payload, violations, message, close }) {
    for (const { rule, section } of violations) this.faults.push(`its own frame breaks ${rule} (${section})`);
    if (this.close) this.faults.push("it sent a frame behind its Close (RFC 6455, 5.5.1)");
    const bytes = fromHex(payload);
    if (header.opcode === 8)
      this.close ??= { code: close?.code ?? 1005, reason: new TextDecoder().decode(fromHex(close?.reason ?? "")) };
    else if (header.opcode === 10) this.pongs.push(bytes);
    else if (message?.kind) this.messages.push({ kind: message.kind, bytes: fromHex(message.payload) });
  }

  /** @param {Step} step @returns {Promise<Bytes>} */
  async #bytes(step) {
    if ("hex" in step) return fromHex(step.hex);
    if ("make" in step) return await step.make(this.#place.modules);
    if ("all" in step) return joined(await Promise.all(step.all.map((each) => this.#bytes(each))));
    if ("opcode" in step) return this.#frame(step);
    return new Uint8Array();
  }

  /** @param {FrameStep} step @returns {Bytes} */
  #frame({ opcode, payload, set = {}, compress = false }) {
    const { WebSocketFrame, deflate } = this.#place.modules;
    const plain = typeof payload === "string" ? utf8(payload) : payload;
    const bits = this.head?.deflate?.clientMaxWindowBits ?? 15;
    const frame = new WebSocketFrame(opcode, compress ? deflate(plain, bits) : plain);
    Object.assign(frame, { masked: true, ...set });
    const bytes = asBytes(frame.toBytes());
    frame.free();
    return bytes;
  }
}

/** @param {Bytes} bytes */
function singly(bytes) {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

/** @param {Step} step @returns {boolean} */
function hasClose(step) {
  if ("all" in step) return step.all.some(hasClose);
  return "opcode" in step && step.opcode === 8;
}

/** @param {string} url @param {string} [offer] @returns {RequestParts} */
export function partsOf(url, offer) {
  const { host, pathname, search, protocol } = new URL(url);
  const path = pathname + search;
  const key = toBase64(random(16));
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    ...(offer ? [`Sec-WebSocket-Extensions: ${offer}`] : []),
  ];
  return { host, path, key, origin: `${protocol.replace("ws", "http")}//${host}`, lines };
}

/** @param {string} url @param {string} [offer] */
function soundRequest(url, offer) {
  return `${partsOf(url, offer).lines.join("\r\n")}\r\n\r\n`;
}

/** How long an answer is waited for, in milliseconds. */
export const PATIENCE = 5_000;
