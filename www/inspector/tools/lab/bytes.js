// @ts-check
// Bytes as people type them, and back. What cannot be read says where.

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/** What was typed is none; the message is for whoever typed it. */
export class Unreadable extends Error {}

/** @param {string} text @returns {Bytes} */
export function utf8(text) {
  return encoder.encode(text);
}

/** The text that these bytes are, or null. @param {Uint8Array} bytes */
export function textOf(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Hex digits, with whatever people put between them: spaces, lines, commas, colons, `0x`, `\x`.
 *
 * @param {string} text
 * @returns {Bytes}
 */
export function fromHex(text) {
  const digits = text.replace(/0x|\\x/gi, " ").replace(/[\s,:;_-]+/g, " ");
  const wrong = /[^0-9a-f ]/i.exec(digits);
  if (wrong) throw new Unreadable(`“${wrong[0]}” is no hex digit.`);
  /** @type {number[]} */
  const bytes = [];
  for (const run of digits.trim().split(" ")) {
    if (run === "") continue;
    if (run.length % 2 === 1) throw new Unreadable(`“${brief(run)}” has an odd number of hex digits.`);
    for (let at = 0; at < run.length; at += 2) bytes.push(Number.parseInt(run.slice(at, at + 2), 16));
  }
  return Uint8Array.from(bytes);
}

/** @param {Uint8Array} bytes @param {string} [between] */
export function toHex(bytes, between = "") {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(between);
}

/** Either alphabet, with padding or without. @param {string} text @returns {Bytes} */
export function fromBase64(text) {
  const plain = text.replace(/\s+/g, "").replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "");
  const wrong = /[^A-Za-z0-9+/]/.exec(plain);
  if (wrong) throw new Unreadable(`“${wrong[0]}” is no base64.`);
  if (plain.length % 4 === 1) throw new Unreadable("This base64 is cut off.");
  return Uint8Array.from(atob(plain), (letter) => letter.charCodeAt(0));
}

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  let binary = "";
  // In pieces: a function takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}

/** @param {readonly Uint8Array[]} pieces @returns {Bytes} */
export function joined(pieces) {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function isSame(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** @param {number} count @returns {Bytes} */
export function random(count) {
  return crypto.getRandomValues(new Uint8Array(count));
}

/** A few words of what may be long. @param {string} text @param {number} [most] */
export function brief(text, most = 24) {
  const flat = text.replace(/\s+/g, " ");
  return flat.length <= most ? flat : `${flat.slice(0, most - 1)}…`;
}

/** Bytes for a line: their text if they are one, hex otherwise. @param {Uint8Array} bytes @param {number} [most] */
export function preview(bytes, most = 120) {
  const head = bytes.subarray(0, most * 4);
  const text = textOf(bytes.length > head.length ? trimmed(head) : head);
  // Control bytes other than white space are better seen as bytes.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for
  if (text !== null && !/[\x00-\x08\x0e-\x1f\x7f]/.test(text)) return brief(text, most);
  return brief(toHex(bytes.subarray(0, most / 3), " "), most) + (bytes.length > most / 3 ? " …" : "");
}

/** Without a character that was cut at the end. @param {Uint8Array} bytes */
function trimmed(bytes) {
  let end = bytes.length;
  while (end > 0 && bytes.length - end < 4 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, Math.max(0, end - 1));
}
