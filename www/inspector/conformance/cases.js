// @ts-check
// What is asked of a server, case by case. Each sends something and knows what a strict server does then.

import { COMPRESSION_CASES } from "./compression.js";
import { FRAME_CASES } from "./frames.js";
import { HANDSHAKE_CASES } from "./handshakes.js";

/** @import { Case } from "./build.js" */

/** @type {Case[]} */
export const CASES = [...HANDSHAKE_CASES, ...FRAME_CASES, ...COMPRESSION_CASES];

export const GROUPS = [...new Set(CASES.map(({ group }) => group))];
