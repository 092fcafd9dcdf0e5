// @ts-check
// What a person types as a ping's payload, as bytes. No DOM.

/** A control frame holds no more (RFC 6455, 5.5). */
export const PAYLOAD_MAX = 125;

/** @typedef {"text" | "hex"} Form */

/**
 * @param {string} typed
 * @param {Form} form
 * @returns {{ bytes: Uint8Array, trouble: string }} the bytes as far as they could be read; why it is no payload, or ""
 */
export function payloadOf(typed, form) {
  const { bytes, trouble } = form === "hex" ? fromHex(typed) : { bytes: new TextEncoder().encode(typed), trouble: "" };
  if (trouble !== "" || bytes.length <= PAYLOAD_MAX) return { bytes, trouble };
  return { bytes, trouble: `A ping has room for ${PAYLOAD_MAX} bytes; this is ${bytes.length}.` };
}

/** @param {string} typed */
function fromHex(typed) {
  const digits = typed.replaceAll(/\s|0x/gu, "");
  const wrong = /[^0-9a-f]/iu.exec(digits)?.[0];
  const bytes = Uint8Array.from(digits.match(/[0-9a-f]{2}/giu) ?? [], (pair) => Number.parseInt(pair, 16));
  if (wrong !== undefined) return { bytes, trouble: `“${wrong}” is no hexadecimal digit.` };
  return { bytes, trouble: digits.length % 2 === 0 ? "" : "Two digits make a byte; here is one too few." };
}

/**
 * A payload for people: its text if it is text, else its bytes in hex.
 *
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function payloadWords(bytes) {
  if (bytes.length === 0) return "empty";
  const text = asText(bytes);
  return text === null ? toHex(bytes) : `“${text}”`;
}

/** The text that these bytes are, if it can be shown. @param {Uint8Array} bytes @returns {string | null} */
export function asText(bytes) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return /\p{Cc}/u.test(text) ? null : text;
  } catch {
    return null;
  }
}

/** @param {Uint8Array} bytes @returns {string} */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
