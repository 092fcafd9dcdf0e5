// @ts-check
// The errors of a client: an `Error` each, with a `code` for programs.

/** @import { WebSocketClientError, WebSocketClientErrorCode } from "../src/client.d.ts" */

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
