// @ts-check
// The opening handshake as it is composed: the usual one with one's own headers, or each byte of it by hand.

import { random, toBase64, utf8 } from "./bytes.js";
import { requestOf } from "./line.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Problem } from "./frame.js" */

/**
 * @typedef {object} Opening
 * @property {string} protocols
 * @property {string} extensions
 * @property {string} headers a line each
 * @property {boolean} isRaw
 * @property {string} raw with `{host}`, `{path}` and `{key}` where those of the connection go
 * @property {boolean} answersPings
 * @property {boolean} answersClose
 * @property {boolean} isByteByByte
 */

/** @returns {Opening} */
export function newOpening() {
  return {
    protocols: "",
    extensions: "permessage-deflate; client_max_window_bits",
    headers: "",
    isRaw: false,
    raw: "",
    answersPings: true,
    answersClose: true,
    isByteByByte: false,
  };
}

/** The same request with its places left open, to go on from by hand. @param {Opening} opening */
export function rawOf({ protocols, extensions, headers }) {
  const request = requestOf({
    host: "{host}",
    path: "{path}",
    key: "{key}",
    protocols,
    extensions,
    headers: linesOf(headers),
  });
  return new TextDecoder().decode(request).replaceAll("\r\n", "\n");
}

/**
 * The bytes of the request to `url`, with a key of its own.
 *
 * @param {Opening} opening
 * @param {string} url
 * @returns {{ bytes: Bytes, problems: Problem[] }}
 */
export function openingBytes(opening, url) {
  const { host, pathname, search } = new URL(url);
  const path = pathname + search;
  const key = toBase64(random(16));
  if (opening.isRaw) {
    const filled = opening.raw.replaceAll("{host}", host).replaceAll("{path}", path).replaceAll("{key}", key);
    const problems = filled.trim() === "" ? [{ field: "raw", says: "There is nothing to send." }] : [];
    return { bytes: utf8(filled.replace(/\r?\n/g, "\r\n")), problems };
  }
  const { protocols, extensions, headers } = opening;
  /** @type {Problem[]} */
  const problems = [];
  const lines = linesOf(headers);
  const wrong = lines.find((line) => !/^[^\s:]+:/.test(line));
  if (wrong !== undefined)
    problems.push({
      field: "headers",
      says: `“${wrong}” is no header, which is “Name: value”. By hand anything goes.`,
    });
  const bytes = requestOf({
    host,
    path,
    key,
    protocols: protocols.trim(),
    extensions: extensions.trim(),
    headers: lines,
  });
  return { bytes, problems };
}

/** @param {string} text */
function linesOf(text) {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}
