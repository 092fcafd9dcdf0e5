// @ts-check
// A frame as it is composed: what stands in each field of the form, and the bytes that come of it. Nothing is put right:
// what a form can say goes on the wire.

import { fromBase64, fromHex, random, textOf, toBase64, toHex, Unreadable, utf8 } from "./bytes.js";
import { asBytes } from "./line.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Modules } from "./modules.js" */

/** @typedef {"text" | "hex" | "base64" | "file" | "close"} PayloadAs */
/** @typedef {"minimal" | "7" | "16" | "64"} LengthAs */

/**
 * @typedef {object} Frame
 * @property {"frame"} type
 * @property {boolean} fin
 * @property {boolean} rsv1
 * @property {boolean} rsv2
 * @property {boolean} rsv3
 * @property {number} opcode
 * @property {boolean} masked
 * @property {string} key hex; "" is a random one, anew for each sending
 * @property {LengthAs} lengthAs
 * @property {string} length what the header claims; "" is the truth
 * @property {PayloadAs} payloadAs
 * @property {string} payload
 * @property {string} code of a Close
 * @property {string} reason
 * @property {boolean} compress
 * @property {string} pause milliseconds before it is sent
 */

/**
 * Bytes as they were pasted, whatever they are.
 *
 * @typedef {{ type: "bytes", as: "hex" | "base64", text: string, pause: string }} Pasted
 * @typedef {Frame | Pasted} Item
 */

/** A field that cannot be read, and why. @typedef {{ field: string, says: string }} Problem */
/** @typedef {{ bytes: Bytes, problems: Problem[], fileName?: string }} Made */

/** @returns {Frame} */
export function newFrame() {
  return {
    type: "frame",
    fin: true,
    rsv1: false,
    rsv2: false,
    rsv3: false,
    opcode: 1,
    masked: true,
    key: "",
    lengthAs: "minimal",
    length: "",
    payloadAs: "text",
    payload: "Hello",
    code: "1000",
    reason: "",
    compress: false,
    pause: "0",
  };
}

/** @returns {Pasted} */
export function newPasted() {
  return { type: "bytes", as: "hex", text: "", pause: "0" };
}

/**
 * What stands beside an item and is not kept with it.
 *
 * @typedef {object} Beside
 * @property {Bytes} key the random key, until it is drawn anew
 * @property {{ name: string, bytes: Bytes } | null} file
 */

/** @returns {Beside} */
export function newBeside() {
  return { key: random(4), file: null };
}

/**
 * The bytes of an item, as far as its fields can be read.
 *
 * @param {Item} item
 * @param {Beside} beside
 * @param {Modules} modules
 * @param {number | null} windowBits what was agreed on, if anything was
 * @returns {Made}
 */
export function make(item, beside, modules, windowBits) {
  /** @type {Problem[]} */
  const problems = [];
  /** @template T @param {string} field @param {() => T} read @param {T} otherwise */
  const read = (field, read, otherwise) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      problems.push({ field, says: error.message });
      return otherwise;
    }
  };
  read("pause", () => wholeNumber(item.pause, 0, 600_000, "A pause"), 0);
  if (item.type === "bytes") {
    const bytes = read("text", () => (item.as === "hex" ? fromHex : fromBase64)(item.text), new Uint8Array());
    return { bytes, problems };
  }
  const plain = readPayload(item, beside, read);
  if (item.compress && windowBits === null)
    problems.push({
      field: "compress",
      says: "No compression was agreed on: offer permessage-deflate and connect, or leave this out.",
    });
  const payload = item.compress && windowBits !== null ? asBytes(modules.deflate(plain, windowBits)) : plain;
  const frame = new modules.WebSocketFrame(item.opcode, payload);
  frame.fin = item.fin;
  frame.rsv1 = item.rsv1 || (item.compress && windowBits !== null);
  frame.rsv2 = item.rsv2;
  frame.rsv3 = item.rsv3;
  if (item.masked) frame.maskingKey = read("key", () => readKey(item.key, beside.key), beside.key);
  const claimed = read("length", () => readLength(item.length), null);
  if (claimed !== null) claim(frame, claimed);
  if (item.lengthAs !== "minimal")
    read("lengthAs", () => setForm(frame, /** @type {7 | 16 | 64} */ (Number(item.lengthAs))), undefined);
  const bytes = asBytes(frame.toBytes());
  frame.free();
  return { bytes, problems };
}

/**
 * @param {Frame} item @param {Beside} beside
 * @param {(field: string, read: () => Bytes, otherwise: Bytes) => Bytes} read
 * @returns {Bytes}
 */
function readPayload(item, beside, read) {
  const none = new Uint8Array();
  switch (item.payloadAs) {
    case "hex":
      return read("payload", () => fromHex(item.payload), none);
    case "base64":
      return read("payload", () => fromBase64(item.payload), none);
    case "file":
      return read("file", () => fileOf(beside), none);
    case "close": {
      const code = read("code", () => readCode(item.code), none);
      return Uint8Array.of(...code, ...(code.length > 0 ? utf8(item.reason) : none));
    }
    default:
      return utf8(item.payload);
  }
}

/** @param {Beside} beside */
function fileOf({ file }) {
  if (!file) throw new Unreadable("No file was chosen.");
  return file.bytes;
}

/** @param {string} text @returns {Bytes} */
function readCode(text) {
  if (text.trim() === "") return new Uint8Array();
  const code = wholeNumber(text, 0, 65535, "A close code");
  return Uint8Array.of(code >> 8, code & 255);
}

/** @param {string} text @param {Bytes} drawn @returns {Bytes} */
function readKey(text, drawn) {
  if (text.trim() === "") return drawn;
  const key = fromHex(text);
  if (key.length !== 4) throw new Unreadable(`A masking key has four bytes, not ${key.length}.`);
  return key;
}

/** @param {string} text @returns {bigint | null} */
function readLength(text) {
  const digits = text.replace(/[\s_,]/g, "");
  if (digits === "") return null;
  if (!/^(\d+|0x[0-9a-f]+)$/i.test(digits)) throw new Unreadable("A length is a whole number, decimal or 0x….");
  const length = BigInt(digits);
  if (length >= 1n << 64n) throw new Unreadable("A length has at most 64 bits.");
  return length;
}

/** @param {string} text @param {number} min @param {number} max @param {string} what */
export function wholeNumber(text, min, max, what) {
  const number = Number(text.trim() || Number.NaN);
  if (!Number.isInteger(number) || number < min || number > max)
    throw new Unreadable(`${what} is a whole number from ${min} to ${max}.`);
  return number;
}

/** Has the header claim this length, as short as can be. @param {InstanceType<Modules["WebSocketFrame"]>} frame @param {bigint} length */
function claim(frame, length) {
  frame.payloadLength = length;
  for (const form of /** @type {const} */ ([7, 16, 64])) {
    try {
      frame.lengthForm = form;
      return;
    } catch {
      // It does not fit: the next is longer.
    }
  }
}

/** @param {InstanceType<Modules["WebSocketFrame"]>} frame @param {7 | 16 | 64} form */
function setForm(frame, form) {
  try {
    frame.lengthForm = form;
  } catch {
    throw new Unreadable(`A length of ${frame.payloadLength} does not fit into ${form} bits.`);
  }
}

/**
 * The item that gives these bytes again.
 *
 * @param {Bytes} wire one frame, as it was on the wire
 * @param {Modules} modules
 * @param {{ keepsKey?: boolean, isMasked?: boolean }} [wishes] `isMasked`: as a client sends it, whoever sent it
 * @returns {Item}
 */
export function itemOf(wire, modules, { keepsKey = true, isMasked = false } = {}) {
  const frame = modules.WebSocketFrame.load(wire);
  if (!frame || frame.byteLength !== wire.length) {
    frame?.free();
    return { type: "bytes", as: "hex", text: toHex(wire, " "), pause: "0" };
  }
  const payload = asBytes(frame.payload);
  const key = frame.maskingKey;
  const isMinimal = frame.lengthForm === shortest(frame.payloadLength);
  /** @type {Frame} */
  const item = {
    ...newFrame(),
    fin: frame.fin,
    rsv1: frame.rsv1,
    rsv2: frame.rsv2,
    rsv3: frame.rsv3,
    opcode: frame.opcode,
    masked: frame.masked || isMasked,
    key: key && keepsKey ? toHex(key) : "",
    // The cast: one of the three there are.
    lengthAs: isMinimal ? "minimal" : /** @type {LengthAs} */ (String(frame.lengthForm)),
    ...payloadFields(payload, frame.opcode),
  };
  frame.free();
  return item;
}

/** Bytes as they are best edited. @param {Bytes} payload @param {number} opcode @returns {Pick<Frame, "payloadAs" | "payload" | "code" | "reason">} */
export function payloadFields(payload, opcode) {
  const reason = textOf(payload.subarray(2));
  if (opcode === 8 && reason !== null && payload.length !== 1) {
    const code = payload.length === 0 ? "" : String(((payload[0] ?? 0) << 8) | (payload[1] ?? 0));
    return { payloadAs: "close", payload: "", code, reason };
  }
  const text = textOf(payload);
  const isText = text !== null && (opcode === 1 || /^[\t\n\r -\uffff]*$/.test(text));
  if (isText) return { payloadAs: "text", payload: text, code: "1000", reason: "" };
  const isLong = payload.length > 64 * 1024;
  return {
    payloadAs: isLong ? "base64" : "hex",
    payload: isLong ? toBase64(payload) : toHex(payload, " "),
    code: "1000",
    reason: "",
  };
}

/** @param {bigint} length */
function shortest(length) {
  return length < 126n ? 7 : length < 65536n ? 16 : 64;
}
