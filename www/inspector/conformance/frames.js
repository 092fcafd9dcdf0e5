// @ts-check
// Cases about frames, messages and closing (RFC 6455, 5 to 8).

import {
  BINARY,
  binary,
  byteByByte,
  bytes,
  CLOSE,
  close,
  frame,
  hex,
  more,
  NOT_FIN,
  PING,
  PONG,
  ping,
  TEXT,
  text,
  together,
} from "./build.js";

/** @import { Case, Expected, Step } from "./build.js" */

const BASE = (/** @type {string} */ section) => `RFC 6455, ${section}`;

/** @param {string} group */
function grouped(group) {
  return (
    /** @type {string} */ id,
    /** @type {string} */ title,
    /** @type {string} */ section,
    /** @type {Step[]} */ send,
    /** @type {Expected} */ expect,
    /** @type {Partial<Case>} */ rest = {},
  ) => /** @type {Case} */ ({ id, group, title, section: BASE(section), send, expect, ...rest });
}

const bits = grouped("Frame headers");
const fragments = grouped("Fragments");
const control = grouped("Pings and pongs");
const utf8 = grouped("UTF-8");
const closing = grouped("Closing");

const E1002 = { close: [1002] };
const E1007 = { close: [1007] };
/** Bad UTF-8 in what is no whole message yet: within 2 s, or late when the message ends. */
const FAST = (/** @type {Step[]} */ ...then) => ({ close: [1007], within: 2000, then });
const LONG_CLOSE = "x".repeat(123);
const EMOJI = "👩‍👩‍👧";
const emojiBytes = new TextEncoder().encode(EMOJI);

/** @type {Case[]} */
export const FRAME_CASES = [
  bits("frame-unmasked-text", "A text frame without a mask", "5.1", [text("hi", { masked: false })], E1002),
  bits("frame-unmasked-ping", "A ping without a mask", "5.1", [ping("hi", { masked: false })], E1002),
  bits("frame-unmasked-close", "A Close without a mask", "5.1", [close(1000, "", { masked: false })], E1002),
  bits("frame-rsv1", "RSV1, and no extension", "5.2", [text("hi", { rsv1: true })], E1002),
  bits("frame-rsv2", "RSV2", "5.2", [text("hi", { rsv2: true })], E1002),
  bits("frame-rsv3", "RSV3", "5.2", [text("hi", { rsv3: true })], E1002),
  bits(
    "frame-rsv-all",
    "All three reserved bits on a ping",
    "5.2",
    [ping("hi", { rsv1: true, rsv2: true, rsv3: true })],
    E1002,
  ),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    bits(`frame-opcode-${opcode}`, `Reserved opcode ${opcode}`, "5.2", [frame(opcode, "hi")], E1002),
  ),
  bits("length-16-short", "A length of 5 in 16 bits", "5.2", [text("hello", { lengthForm: 16 })], E1002),
  bits("length-64-short", "A length of 200 in 64 bits", "5.2", [binary(bytes(200), { lengthForm: 64 })], E1002),
  bits("length-64-tiny", "A length of 0 in 64 bits", "5.2", [text("", { lengthForm: 64 })], E1002),
  bits("length-top-bit", "A 64-bit length with the top bit set", "5.2", [hex("82 ff 8000000000000001 00000000")], {
    close: [1002, 1009],
  }),
  bits("length-all-ones", "A length of 2⁶⁴ − 1", "5.2", [hex("82 ff ffffffffffffffff 00000000")], {
    close: [1002, 1009],
  }),
  bits("length-2-63", "A header that claims 2⁶³ − 1 bytes", "7.4.1", [hex("82 ff 7fffffffffffffff 00000000")], {
    close: [1009],
    tolerated: [1002],
  }),
  bits(
    "length-256-mib",
    "A header that claims 256 MiB, and no payload",
    "7.4.1",
    [hex("82 ff 0000000010000000 00000000")],
    { close: [1009] },
  ),
  bits(
    "length-sum-overflow",
    "100 bytes, then a continuation of 2⁶³ − 50",
    "7.4.1",
    [binary(bytes(100), NOT_FIN), hex("80 ff 7fffffffffffffce 00000000")],
    { close: [1009], tolerated: [1002] },
  ),
  bits("length-125", "125 bytes, the most in 7 bits", "5.2", [binary(bytes(125))], {
    echo: [bytes(125)],
    isBinary: true,
    mayRefuse: true,
  }),
  bits("length-126", "126 bytes, the fewest in 16 bits", "5.2", [binary(bytes(126))], {
    echo: [bytes(126)],
    isBinary: true,
    mayRefuse: true,
  }),
  bits("length-65535", "65 535 bytes, the most in 16 bits", "5.2", [binary(bytes(65535))], {
    echo: [bytes(65535)],
    isBinary: true,
    mayRefuse: true,
  }),
  bits("length-65536", "65 536 bytes, the fewest in 64 bits", "5.2", [binary(bytes(65536))], {
    echo: [bytes(65536)],
    isBinary: true,
    mayRefuse: true,
  }),
  bits("frame-byte-by-byte", "A frame, a byte at a time", "5.2", [byteByByte(text("one at a time"))], {
    echo: ["one at a time"],
    mayRefuse: true,
  }),
  bits("frame-many-in-one", "Three messages in one write", "5.2", [together(text("a"), text("b"), text("c"))], {
    echo: ["a", "b", "c"],
    mayRefuse: true,
  }),
  bits("frame-mask-zero", "A masking key of zeros", "5.3", [hex("81 82 00000000 6869")], {
    echo: ["hi"],
    mayRefuse: true,
  }),
  bits("message-empty", "Empty messages", "5.6", [text(""), binary("")], { echo: ["", ""], mayRefuse: true }),

  control("ping-empty", "A ping without payload", "5.5.2", [ping("")], { pongs: [""] }),
  control("ping-125", "A ping of 125 bytes of binary", "5.5.2", [ping(bytes(125))], { pongs: [bytes(125)] }),
  control("ping-126", "A ping of 126 bytes", "5.5", [ping(bytes(126))], E1002),
  control("ping-not-fin", "A ping without FIN", "5.5", [ping("hi", NOT_FIN)], E1002),
  control("pong-126", "A pong of 126 bytes", "5.5", [frame(PONG, bytes(126))], E1002),
  control(
    "ping-20",
    "Twenty pings at once",
    "5.5.3",
    [together(...Array.from({ length: 20 }, (_, at) => ping(`ping ${at}`)))],
    { pongs: Array.from({ length: 20 }, (_, at) => `ping ${at}`) },
  ),
  control(
    "ping-in-message",
    "A ping inside a fragmented message is answered before the message ends",
    "5.5.2",
    [text("he", NOT_FIN), ping("now"), { after: "pongs", count: 1 }, more("llo")],
    { pongs: ["now"], echo: ["hello"], mayRefuse: true },
  ),
  control("pong-stray", "A pong that nobody asked for", "5.5.3", [frame(PONG, "stray"), ping("still there")], {
    pongs: ["still there"],
  }),
  control("ping-byte-by-byte", "A ping, a byte at a time", "5.5.2", [byteByByte(ping("slow"))], { pongs: ["slow"] }),

  fragments("fragments-two", "A message in two fragments", "5.4", [text("Hel", NOT_FIN), more("lo")], {
    echo: ["Hello"],
    mayRefuse: true,
  }),
  fragments(
    "fragments-bytes",
    "A message in fragments of one byte",
    "5.4",
    [text("H", NOT_FIN), ...[..."ell"].map((letter) => more(letter, NOT_FIN)), more("o")],
    { echo: ["Hello"], mayRefuse: true },
  ),
  fragments(
    "fragments-empty",
    "Empty fragments first, in the middle and last",
    "5.4",
    [text("", NOT_FIN), more("Hel", NOT_FIN), more("", NOT_FIN), more("lo", NOT_FIN), more("")],
    { echo: ["Hello"], mayRefuse: true },
  ),
  fragments(
    "fragments-all-empty",
    "A message of empty fragments alone",
    "5.4",
    [text("", NOT_FIN), more("", NOT_FIN), more("")],
    { echo: [""], mayRefuse: true },
  ),
  fragments(
    "fragments-binary",
    "A binary message in fragments",
    "5.4",
    [binary(bytes(300), NOT_FIN), more(bytes(300))],
    { echo: [Uint8Array.of(...bytes(300), ...bytes(300))], isBinary: true, mayRefuse: true },
  ),
  fragments("fragments-stray", "A continuation of nothing", "5.4", [more("hi")], E1002),
  fragments("fragments-stray-not-fin", "A continuation of nothing, without FIN", "5.4", [more("hi", NOT_FIN)], E1002),
  fragments("fragments-interrupted", "A new message inside another", "5.4", [text("h", NOT_FIN), text("i")], E1002),
  fragments(
    "fragments-after-end",
    "A continuation behind the last fragment",
    "5.4",
    [text("h", NOT_FIN), more("i"), more("!")],
    E1002,
  ),

  ...[
    ["ff", "FF"],
    ["c080", "C0 80, an over-long NUL"],
    ["eda080", "ED A0 80, a surrogate"],
    ["f4908080", "F4 90 80 80, beyond Unicode"],
    ["80", "A continuation byte alone"],
    ["e282", "A character that is cut off at the end"],
  ].map(([digits = "", title = ""]) =>
    utf8(
      `utf8-${digits}`,
      title,
      "8.1",
      [hex(`81 ${(0x80 + digits.length / 2).toString(16)} 00000000 ${digits}`)],
      E1007,
    ),
  ),
  utf8(
    "utf8-fragments-bad",
    "A character whose second half is not",
    "8.1",
    [text(Uint8Array.of(0xe2), NOT_FIN), more(Uint8Array.of(0x28, 0xa1))],
    E1007,
  ),
  utf8(
    "utf8-fast",
    "Bad UTF-8 in a first fragment, and no second",
    "8.1",
    [text(Uint8Array.of(0x68, 0xff), NOT_FIN)],
    FAST(more("!")),
  ),
  utf8(
    "utf8-fast-payload",
    "Bad UTF-8 at the front of a payload that does not all come",
    "8.1",
    [hex("81 fe 0200 00000000 fffe")],
    FAST({ make: async () => new Uint8Array(510) }),
  ),
  utf8(
    "utf8-emoji",
    "An emoji that is cut at every byte",
    "5.6",
    Array.from(emojiBytes, (byte, at) =>
      frame(at ? 0 : TEXT, Uint8Array.of(byte), at < emojiBytes.length - 1 ? NOT_FIN : {}),
    ),
    { echo: [EMOJI], mayRefuse: true },
  ),
  utf8("utf8-odd", "A byte order mark, U+FFFF and U+10FFFF", "5.6", [text("\ufeff\uffff\u{10ffff}")], {
    echo: ["\ufeff\uffff\u{10ffff}"],
    mayRefuse: true,
  }),
  utf8("utf8-binary", "What is no UTF-8, in a binary message", "5.6", [binary(Uint8Array.of(0xff, 0xfe))], {
    echo: [Uint8Array.of(0xff, 0xfe)],
    isBinary: true,
    mayRefuse: true,
  }),
  utf8("utf8-reason", "Bad UTF-8 in the reason of a Close", "8.1", [close(1000, Uint8Array.of(0xff))], {
    close: [1007],
    tolerated: [1002],
  }),

  closing("close-empty", "A Close without a code", "5.5.1", [close()], { closed: [1005, 1000] }),
  ...[1000, 1001, 1011, 3000, 4999].map((code) =>
    closing(`close-${code}`, `Close ${code}`, "7.4", [close(code)], { closed: [code, 1000] }),
  ),
  closing("close-reason", "Close 1001 with a reason", "5.5.1", [close(1001, "leaving")], { closed: [1001, 1000] }),
  closing("close-longest", "Close 4999 with the longest reason", "5.5.1", [close(4999, LONG_CLOSE)], {
    closed: [4999, 1000],
  }),
  closing("close-too-long", "A Close of 126 bytes", "5.5", [close(1000, `${LONG_CLOSE}y`)], E1002),
  closing("close-not-fin", "A Close without FIN", "5.5", [close(1000, "", NOT_FIN)], E1002),
  closing("close-1-byte", "A Close of one byte", "5.5.1", [frame(CLOSE, Uint8Array.of(3))], E1002),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((code) =>
    closing(`close-bad-${code}`, `Close ${code}, which may not be sent`, "7.4", [close(code)], E1002),
  ),
  closing(
    "close-text-behind",
    "A message behind a Close is not answered",
    "5.5.1",
    [together(close(1000), text("too late"))],
    { closed: [1000, 1005] },
  ),
  closing("close-twice", "A second Close is not answered", "5.5.1", [together(close(1000), close(1001))], {
    closed: [1000, 1005],
  }),
  closing(
    "close-in-message",
    "A Close in the middle of a fragmented message",
    "5.4",
    [text("never", NOT_FIN), close(1000)],
    { closed: [1000] },
  ),
  closing("close-eof", "The stream ends without a Close", "7.1.1", [text("bye"), { end: true }], { gone: true }),
  closing(
    "close-in-flight",
    "A broken rule with 256 KiB behind it: Close, then the end, not a reset",
    "7.1.1",
    [together(frame(3, "hi"), binary(bytes(65536)), binary(bytes(65536)), binary(bytes(65536)), binary(bytes(65536)))],
    { ...E1002, noReset: true },
  ),
  closing("close-ping-before", "A ping before a Close is answered", "5.5.2", [together(ping("last"), close(1000))], {
    pongs: ["last"],
    closed: [1000],
  }),
  closing(
    "close-after-binary",
    "A Close behind a large message",
    "5.5.1",
    [frame(BINARY, bytes(70000)), frame(PING, "x"), { after: "pongs", count: 1 }, close(1000)],
    { pongs: ["x"], closed: [1000], mayRefuse: true },
  ),
];
