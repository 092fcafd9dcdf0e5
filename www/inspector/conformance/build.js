// @ts-check
// The words in which cases are written down: what is sent, and what is to come back.

/** @import { Bytes } from "../tools/lab/bytes.js" */

/**
 * One thing that is sent. Frames are masked, final and as short as can be, unless `set` says otherwise.
 *
 * @typedef {{ opcode: number, payload: string | Uint8Array, set?: FrameSet, compress?: boolean }} FrameStep
 * @typedef {{ hex: string }} BytesStep
 * @typedef {{ all: Step[], cut?: "one" | "bytes" }} TogetherStep in one write, or a byte at a time
 * @typedef {{ make: (modules: import("../tools/lab/modules.js").Modules) => Promise<Bytes> }} MadeStep
 * @typedef {{ after: "messages" | "pongs", count: number }} WaitStep goes on once so many have come
 * @typedef {{ end: true }} EndStep ends our half of the stream
 * @typedef {FrameStep | BytesStep | TogetherStep | MadeStep | WaitStep | EndStep} Step
 */

/**
 * @typedef {object} FrameSet
 * @property {boolean} [fin]
 * @property {boolean} [rsv1]
 * @property {boolean} [rsv2]
 * @property {boolean} [rsv3]
 * @property {boolean} [masked]
 * @property {7 | 16 | 64} [lengthForm]
 * @property {bigint} [payloadLength]
 */

/**
 * What a strict server does.
 *
 * @typedef {object} Expected
 * @property {number[]} [close] it closes with one of these codes, and then the stream
 * @property {number[]} [tolerated] codes that are not wrong, but not the strict ones either
 * @property {number} [within] for a server that fails fast: by then, in milliseconds, and before `then` is sent
 * @property {Step[]} [then] sent if it did not: a server that notices now is late, but notices
 * @property {(string | Uint8Array)[]} [echo] an echo server sends back these messages; any server goes on
 * @property {boolean} [isBinary]
 * @property {(string | Uint8Array)[]} [pongs] these pongs come, in this order; those before the last may be left out
 * @property {boolean} [mayRefuse] an application may close with 1003, 1007 or 1008 instead: it is text or JSON to it
 * @property {boolean} [noReset] the stream ends, and is not torn down
 * @property {boolean} [gone] the server ends the stream
 * @property {number[]} [closed] we closed: the code it answers with; 1005 is a Close without one
 * @property {number[]} [status] of a handshake: refused with one of these
 * @property {number[]} [late] of a handshake: not what the RFC wants, but a refusal
 * @property {[name: string, pattern: RegExp]} [header] of the refusal
 * @property {boolean} [drop] of a handshake: closing without an answer will do
 * @property {boolean} [opens] of a handshake: 101, and then it works
 * @property {"declined" | "agreed" | "either"} [deflate] what becomes of the offer
 * @property {string} [protocol] the subprotocol that is agreed on; "" is none
 */

/**
 * @typedef {object} Case
 * @property {string} id
 * @property {string} group
 * @property {string} title
 * @property {string} section
 * @property {(request: RequestParts) => string | Bytes} [request] the opening handshake, if it is not as it should be
 * @property {"one" | "bytes"} [cut] how the request is written
 * @property {string} [offer] the extensions offered
 * @property {boolean} [needsDeflate] says nothing of a server that does not compress
 * @property {boolean} [needsTakeover] nor of one that has clients forget between messages
 * @property {boolean} [needsEcho] says nothing of a server that does not send back what it gets
 * @property {Step[]} [send] once the connection is open
 * @property {Expected} expect
 */

/** What requests are made of. @typedef {{ host: string, path: string, key: string, origin: string, lines: string[] }} RequestParts */

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

const encoder = new TextEncoder();

/** @param {number} opcode @param {string | Uint8Array} [payload] @param {FrameSet} [set] @returns {FrameStep} */
export const frame = (opcode, payload = "", set = {}) => ({ opcode, payload, set });
/** @param {string | Uint8Array} payload @param {FrameSet} [set] */
export const text = (payload, set) => frame(TEXT, payload, set);
/** @param {string | Uint8Array} payload @param {FrameSet} [set] */
export const binary = (payload, set) => frame(BINARY, payload, set);
/** @param {string | Uint8Array} [payload] @param {FrameSet} [set] */
export const ping = (payload, set) => frame(PING, payload, set);
/** @param {string | Uint8Array} payload @param {FrameSet} [set] */
export const more = (payload, set) => frame(CONTINUATION, payload, set);
/** A message compressed by itself. @param {number} opcode @param {string | Uint8Array} payload @param {FrameSet} [set] @returns {FrameStep} */
export const packed = (opcode, payload, set = {}) => ({ opcode, payload, set: { rsv1: true, ...set }, compress: true });
/** Bytes as they are. @param {string} digits @returns {BytesStep} */
export const hex = (digits) => ({ hex: digits });
/** @param {...Step} all @returns {TogetherStep} */
export const together = (...all) => ({ all });
/** @param {...Step} all @returns {TogetherStep} */
export const byteByByte = (...all) => ({ all, cut: "bytes" });
/** @param {number} [code] @param {string | Uint8Array} [reason] @param {FrameSet} [set] */
export const close = (code, reason = "", set = {}) => frame(CLOSE, closePayload(code, reason), set);

/** @param {number | undefined} code @param {string | Uint8Array} reason */
function closePayload(code, reason) {
  if (code === undefined) return new Uint8Array();
  const words = typeof reason === "string" ? encoder.encode(reason) : reason;
  return Uint8Array.of(code >> 8, code & 255, ...words);
}

/** So many bytes of which each differs from its neighbours. @param {number} count */
export const bytes = (count) => Uint8Array.from({ length: count }, (_, at) => (at * 7) & 255);

/** @type {FrameSet} */
export const NOT_FIN = { fin: false };
