// @ts-check
// What is handed in and out: options, data and errors.

/** @import { Data, DeflateOffer, WebSocketClientError, WebSocketClientErrorCode, WebSocketClientOptions } from "../src/client.d.ts" */
/** @import { Engine } from "./types.d.ts" */

const encoder = new TextEncoder();
// A byte order mark is part of the text, as it is to Node's Buffer.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

// By way of `process`, which no bundler follows.
const NodeBuffer = globalThis.process?.getBuiltinModule?.("node:buffer").Buffer;

/**
 * The address as `ws:` or `wss:`; in a page it may be relative to it.
 *
 * @param {string | URL} url
 */
export function readUrl(url) {
  const address = parseUrl(url);
  if (!address) throw invalid(`${JSON.stringify(String(url))} is no address`);
  const isSecure = address.protocol === "wss:" || address.protocol === "https:";
  if (!isSecure && address.protocol !== "ws:" && address.protocol !== "http:") {
    throw invalid(`the address of a WebSocket begins with ws:// or wss://, not ${address.protocol}`);
  }
  // Only so: a protocol that is not special cannot be made one that is.
  const text = address.href.replace(/^[a-z]+:/, isSecure ? "wss:" : "ws:");
  return {
    url: text,
    host: address.hostname.replace(/^\[|\]$/g, ""),
    port: Number(address.port) || (isSecure ? 443 : 80),
    isSecure,
  };
}

/** @param {string | URL} url */
function parseUrl(url) {
  try {
    return new URL(String(url), globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    return undefined;
  }
}

/**
 * Tells the engine what was asked for, and hands back the rest.
 *
 * @param {WebSocketClientOptions} options
 * @param {Engine} engine
 */
export function readOptions(options, engine) {
  if (typeof options !== "object" || options === null) throw invalid("the options are an object");
  known("option", options, OPTIONS);
  const { protocols = [], headers = {}, compression = true } = options;
  for (const protocol of typeof protocols === "string" ? [protocols] : list("protocols", protocols)) {
    engine.offer_protocol(String(protocol));
  }
  if (typeof headers !== "object" || headers === null) throw invalid("headers is an object");
  for (const [name, values] of Object.entries(headers)) {
    for (const value of Array.isArray(values) ? values : [values]) {
      if (!engine.add_header(name, String(value))) {
        throw invalid(`the header ${JSON.stringify(name)} cannot be added to an opening handshake`);
      }
    }
  }
  if (compression === true) offerDeflate({}, engine);
  else if (typeof compression === "object" && compression !== null) offerDeflate(compression, engine);
  else if (compression !== false) throw invalid("compression is true, false or an object");
  engine.set_limits(
    whole("messageMax", options.messageMax, 16 * 1024 * 1024),
    whole("fragmentsMax", options.fragmentsMax, 65536, 1),
  );
  if (options.stream !== undefined && typeof options.stream !== "function") throw invalid("stream is a function");
  if (options.tunnel !== undefined && !parseUrl(options.tunnel)) throw invalid(`${options.tunnel} is no address`);
  return {
    handshakeTimeout: whole("handshakeTimeout", options.handshakeTimeout, 10_000, 0, LONGEST),
    closeTimeout: whole("closeTimeout", options.closeTimeout, 5_000, 0, LONGEST),
  };
}

/**
 * @param {DeflateOffer} offer
 * @param {Engine} engine
 */
function offerDeflate(offer, engine) {
  known("option of compression", offer, OFFERS);
  const { clientMaxWindowBits: client = true } = offer;
  const bits = typeof client === "boolean" ? Number(client) : whole("clientMaxWindowBits", client, 15, 8, 15);
  engine.offer_deflate(
    Number(Boolean(offer.serverNoContextTakeover)) + 2 * Number(Boolean(offer.clientNoContextTakeover)),
    offer.serverMaxWindowBits === undefined ? 0 : whole("serverMaxWindowBits", offer.serverMaxWindowBits, 15, 8, 15),
    bits,
    whole("level", offer.level, 6, 1, 9),
    whole("threshold", offer.threshold, 128),
  );
}

/**
 * A name that was mistyped would otherwise go unnoticed.
 *
 * @param {string} kind
 * @param {object} object
 * @param {string[]} names
 */
function known(kind, object, names) {
  const unknown = Object.keys(object).find((name) => !names.includes(name));
  if (unknown !== undefined) throw invalid(`there is no ${kind} ${JSON.stringify(unknown)}`);
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function list(name, value) {
  if (!Array.isArray(value)) throw invalid(`${name} is a string or a list of them`);
  return value;
}

/**
 * A whole number within bounds.
 *
 * @param {string} name
 * @param {unknown} value
 * @param {number} otherwise what `undefined` means
 * @param {number} [min]
 * @param {number} [max]
 */
export function whole(name, value, otherwise, min = 0, max = 0xffff_ffff) {
  if (value === undefined) return otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(`${name} is a whole number from ${min} to ${max}, not ${String(value)}`);
}

/** @satisfies {(keyof WebSocketClientOptions)[]} */
const OPTIONS = [
  "protocols",
  "compression",
  "headers",
  "messageMax",
  "fragmentsMax",
  "handshakeTimeout",
  "closeTimeout",
  "tunnel",
  "tls",
  "stream",
];

/** @satisfies {(keyof DeflateOffer)[]} */
const OFFERS = [
  "serverNoContextTakeover",
  "clientNoContextTakeover",
  "serverMaxWindowBits",
  "clientMaxWindowBits",
  "level",
  "threshold",
];

/** What timers can count, in milliseconds. */
const LONGEST = 0x7fff_ffff;

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
  return toBytes(data) ?? encoder.encode(data === undefined ? "" : words(data));
}

/**
 * The text of what may be binary; `undefined` for bytes that are not UTF-8.
 *
 * @param {unknown} data
 */
export function decode(data) {
  const bytes = toBytes(data);
  try {
    return bytes ? strict.decode(bytes) : words(data ?? "");
  } catch {
    return undefined;
  }
}

/**
 * What is not binary, as text.
 *
 * @param {unknown} data
 */
export function words(data) {
  try {
    return String(data);
  } catch (cause) {
    throw makeError("ERR_INVALID_ARGUMENT", "this is neither binary nor can it be made a text", { cause });
  }
}

/**
 * @param {WebSocketClientErrorCode} code
 * @param {string} message
 * @param {Partial<WebSocketClientError>} [details] of which those that say nothing are left out
 * @returns {WebSocketClientError}
 */
export function makeError(code, message, details = {}) {
  const { cause, ...rest } = details;
  const error = new Error(message, cause === undefined ? undefined : { cause });
  error.name = "WebSocketClientError";
  const said = Object.entries(rest).filter(([, value]) => value);
  return Object.assign(error, { code }, Object.fromEntries(said));
}

/** @param {string} message */
export function invalid(message) {
  return makeError("ERR_INVALID_ARGUMENT", message);
}

/**
 * What somebody else threw, as words.
 *
 * @param {unknown} error
 */
export function saying(error) {
  const message = error instanceof Error ? error.message || /** @type {{ code?: string }} */ (error).code : error;
  return String(message || "for no known reason");
}
