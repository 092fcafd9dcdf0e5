// @ts-check
// Cases about permessage-deflate (RFC 7692). They say nothing of a server that does not compress.

import { BINARY, bytes, hex, more, NOT_FIN, packed, ping, TEXT, text } from "./build.js";

/** @import { Case, Expected, Step } from "./build.js" */

const PLAIN = "permessage-deflate";

/** An offer and what becomes of it. @param {string} id @param {string} title @param {string} section @param {string} offer @param {Expected} expect @param {Step[]} [send] @returns {Case} */
const offered = (id, title, section, offer, expect, send = []) => ({
  id,
  group: "Compression: offers",
  title,
  section: `RFC 7692, ${section}`,
  offer,
  send,
  expect,
});
/** What is sent once it is agreed on. @param {string} id @param {string} title @param {string} section @param {Step[]} send @param {Expected} expect @param {string} [offer] @returns {Case} */
const agreed = (id, title, section, send, expect, offer = PLAIN) => ({
  id,
  group: "Compression: messages",
  title,
  section,
  offer,
  needsDeflate: true,
  send,
  expect,
});

const DECLINED = { opens: true, status: [400], deflate: /** @type {const} */ ("declined") };
const AGREED = { opens: true, deflate: /** @type {const} */ ("agreed") };
const EITHER = { opens: true, deflate: /** @type {const} */ ("either") };
const LONG = "The same words again. ".repeat(200);

/** @type {[id: string, parameters: string, why: string][]} */
const ILLEGAL = [
  ["7", "server_max_window_bits=7", "a window of 7 bits"],
  ["16", "server_max_window_bits=16", "a window of 16 bits"],
  ["08", "server_max_window_bits=08", "a leading zero"],
  ["99", "server_max_window_bits=99", "a window of 99 bits"],
  ["none", "server_max_window_bits", "no window bits where they must be"],
  ["value", "server_no_context_takeover=1", "a value where none may be"],
  ["client-value", "client_no_context_takeover=true", "a value where none may be, for the client"],
  ["unknown", "x_unknown=1", "a parameter that nobody knows"],
  ["doubled", "server_no_context_takeover; server_no_context_takeover", "a parameter twice"],
];

/** @type {Case[]} */
export const COMPRESSION_CASES = [
  offered("deflate-plain", "A plain offer", "7.1", PLAIN, { ...EITHER, echo: [LONG], mayRefuse: true }, [text(LONG)]),
  ...ILLEGAL.map(([id, parameters, why]) =>
    offered(`deflate-illegal-${id}`, `Declined: ${why}`, "7.1", `${PLAIN}; ${parameters}`, DECLINED),
  ),
  {
    ...offered(
      "deflate-second",
      "An illegal offer, then a legal one",
      "5.1",
      `${PLAIN}; server_max_window_bits=7, ${PLAIN}`,
      AGREED,
    ),
    needsDeflate: true,
  },
  {
    ...offered(
      "deflate-small-window",
      "A window of 9 bits and no context takeover, kept to by the server",
      "7.1",
      `${PLAIN}; server_max_window_bits=9; server_no_context_takeover`,
      { ...EITHER, echo: [LONG, LONG], mayRefuse: true },
      [text(LONG), text(LONG)],
    ),
    needsEcho: true,
  },
  agreed("deflate-message", "A compressed message", "RFC 7692, 6.2", [packed(TEXT, LONG)], {
    echo: [LONG],
    mayRefuse: true,
  }),
  agreed("deflate-binary", "A compressed binary message", "RFC 7692, 6.2", [packed(BINARY, bytes(5000))], {
    echo: [bytes(5000)],
    isBinary: true,
    mayRefuse: true,
  }),
  agreed(
    "deflate-mixed",
    "Compressed, plain, and compressed again",
    "RFC 7692, 6",
    [packed(TEXT, LONG), text("plain"), packed(TEXT, LONG)],
    { echo: [LONG, "plain", LONG], mayRefuse: true },
  ),
  agreed("deflate-empty", "An empty message, compressed", "RFC 7692, 7.2.3.6", [packed(TEXT, "")], {
    echo: [""],
    mayRefuse: true,
  }),
  agreed(
    "deflate-fragments",
    "A compressed message in fragments, the last one empty",
    "RFC 7692, 6.1",
    [hex("41 83 00000000 f248cd"), hex("00 84 00000000 c9c90700"), more("")],
    { echo: ["Hello"], mayRefuse: true },
  ),
  {
    ...agreed(
      "deflate-takeover",
      "A second message that refers to the first",
      "RFC 7692, 7.2.3.2",
      [hex("c1 87 00000000 f248cdc9c90700"), hex("c1 85 00000000 f200110000")],
      { echo: ["Hello", "Hello"], mayRefuse: true },
    ),
    needsTakeover: true,
  },
  agreed(
    "deflate-two-blocks",
    "A message of two blocks",
    "RFC 7692, 7.2.3.5",
    [hex("c1 8d 00000000 f248050000 00ffffcac9c907 00")],
    { echo: ["Hello"], mayRefuse: true },
  ),
  agreed(
    "deflate-stored",
    "A message in a stored block",
    "RFC 7692, 7.2.3.3",
    [hex("c1 8b 00000000 000500faff 48656c6c6f 00")],
    { echo: ["Hello"], mayRefuse: true },
  ),
  agreed(
    "deflate-rsv1-later",
    "RSV1 on a continuation",
    "RFC 7692, 6.1",
    [text("h", NOT_FIN), more("i", { rsv1: true })],
    { close: [1002] },
  ),
  agreed("deflate-rsv1-ping", "RSV1 on a ping", "RFC 7692, 6.1", [ping("hi", { rsv1: true })], { close: [1002] }),
  agreed("deflate-rsv2", "RSV2 beside RSV1", "RFC 6455, 5.2", [packed(TEXT, "hi", { rsv2: true })], { close: [1002] }),
  agreed("deflate-garbage", "What does not inflate", "RFC 7692, 7.2.2", [hex("c1 84 00000000 ffffffff")], {
    close: [1007],
    tolerated: [1002],
  }),
  agreed("deflate-too-far", "A reference to before the start", "RFC 7692, 7.2.2", [hex("c1 85 00000000 f200110000")], {
    close: [1007],
    tolerated: [1002],
  }),
  agreed("deflate-utf8", "Bad UTF-8, compressed", "RFC 6455, 8.1", [packed(TEXT, Uint8Array.of(0x68, 0xff, 0x69))], {
    close: [1007],
  }),
  agreed("deflate-bomb", "32 MiB of zeros in 32 KiB", "RFC 6455, 7.4.1", [{ make: bomb }], { close: [1009] }),
];

/** One compressed frame that inflates to 32 MiB. @param {import("../tools/lab/modules.js").Modules} modules */
async function bomb({ deflate, WebSocketFrame }) {
  // A message refers to nothing but itself, so the same piece may follow itself once the four bytes are back that each
  // leaves out at its end.
  const piece = deflate(new Uint8Array(1 << 20), 9);
  const block = [...piece, 0, 0, 0xff, 0xff];
  const all = new Uint8Array(32 * block.length - 4);
  for (let at = 0; at < 32; at += 1) all.set(at < 31 ? block : piece, at * block.length);
  const frame = Object.assign(new WebSocketFrame(BINARY, all), { rsv1: true, masked: true });
  const wire = /** @type {Uint8Array<ArrayBuffer>} */ (frame.toBytes());
  frame.free();
  return wire;
}
