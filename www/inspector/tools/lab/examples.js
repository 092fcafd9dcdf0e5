// @ts-check
// Compositions to begin with: what a browser's own WebSocket cannot send, most of it.

import { newFrame, newPasted } from "./frame.js";
import { newComposition } from "./saved.js";

/** @import { Frame } from "./frame.js" */
/** @import { Composition } from "./saved.js" */

/** @param {Partial<Frame>} fields @returns {Frame} */
const frame = (fields) => ({ ...newFrame(), ...fields });

const TEXT = 1;
const CLOSE = 8;
const PING = 9;

/** @type {[string, Partial<Composition>][]} */
const ALL = [
  ["A ping", { items: [frame({ opcode: PING, payload: "are you there?" })] }],
  [
    "A message in three fragments, a ping between",
    {
      items: [
        frame({ fin: false, payload: "one, " }),
        frame({ fin: false, opcode: 0, payload: "two, " }),
        frame({ opcode: PING, payload: "in between" }),
        frame({ opcode: 0, payload: "three" }),
      ],
    },
  ],
  ["A frame, a byte at a time", { items: [frame({ payload: "slowly" })], cut: "bytes", between: "50" }],
  ["A compressed message", { items: [frame({ compress: true, payload: "again and again and again and again" })] }],
  ["Broken: no mask", { items: [frame({ masked: false })] }],
  ["Broken: a reserved bit and a reserved opcode", { items: [frame({ opcode: 3, rsv2: true })] }],
  ["Broken: a length that is not the shortest", { items: [frame({ lengthAs: "64" })] }],
  ["A length that claims 2⁶³ − 1 bytes", { items: [frame({ opcode: 2, length: "9223372036854775807" })] }],
  [
    "Broken: bad UTF-8 in a first fragment",
    { items: [frame({ opcode: TEXT, fin: false, payloadAs: "hex", payload: "68 69 ff" })] },
  ],
  ["Broken: a continuation of nothing", { items: [frame({ opcode: 0, payload: "lost" })] }],
  ["Close 1001", { items: [frame({ opcode: CLOSE, payloadAs: "close", code: "1001", reason: "going away" })] }],
  ["Broken: Close 1005", { items: [frame({ opcode: CLOSE, payloadAs: "close", code: "1005", reason: "" })] }],
  ["RFC 6455, 5.7: a masked “Hello”", { items: [{ ...newPasted(), text: "81 85 37fa213d 7f9f4d5158" }] }],
];

/** By name; the target and the handshake are left as they are. @type {Map<string, Composition>} */
export const EXAMPLES = new Map(ALL.map(([name, parts]) => [name, { ...newComposition(), ...parts }]));
