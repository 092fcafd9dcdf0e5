// @ts-check
// Bytes as they are handed in and out.

/** @import { Data } from "../src/client.d.ts" */

const encoder = new TextEncoder();
// A byte order mark is part of the text, as it is to Node's Buffer.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

// By way of `process`, which no bundler follows.
const NodeBuffer = globalThis.process?.getBuiltinModule?.("node:buffer").Buffer;

/** A page has no Buffer, but this much of one. */
class PageData extends Uint8Array {
  /** The bytes as UTF-8.
   * @override */
  toString() {
    return decoder.decode(this);
  }
}

/**
 * The same bytes, not copied, as listeners get them.
 *
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Data}
 */
export function toData({ buffer, byteOffset, byteLength }) {
  if (NodeBuffer) return NodeBuffer.from(buffer, byteOffset, byteLength);
  return new PageData(buffer, byteOffset, byteLength);
}

/**
 * The bytes of what is binary, not copied; `undefined` for all else, which is text.
 *
 * @param {unknown} data
 * @returns {Uint8Array | undefined}
 */
export function toBytes(data) {
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  // By name too, for those of another realm.
  const name = Object.prototype.toString.call(data);
  if (name === "[object ArrayBuffer]" || name === "[object SharedArrayBuffer]") {
    return new Uint8Array(/** @type {ArrayBuffer} */ (data));
  }
  return undefined;
}

/**
 * Binary as it is, all else as the UTF-8 of its text; nothing for `undefined`.
 *
 * @param {unknown} data
 */
export function encode(data) {
  return toBytes(data) ?? encoder.encode(data === undefined ? "" : String(data));
}

/**
 * The text of what may be binary; `undefined` for bytes that are not UTF-8.
 *
 * @param {unknown} data
 */
export function decode(data) {
  const bytes = toBytes(data);
  try {
    return bytes ? strict.decode(bytes) : String(data ?? "");
  } catch {
    return undefined;
  }
}
