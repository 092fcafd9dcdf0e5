// Why another reader may differ from ours: each reason by the name that it has in DIFFERENCES.md. What none of them
// explains is a fault, of ours until shown otherwise.

import { readFileSync } from "node:fs";

/** @import { Difference } from "./compare.mjs" */

/** What Wireshark unmasks of a payload. */
const UNMASKED_MOST = 256 << 10;

/** Whether the other direction's parameters, which it takes, cannot inflate what came in this one. */
function isSwapped({ deflate, direction }) {
  const [own, taken] = direction === "c2s" ? [deflate?.c2s, deflate?.s2c] : [deflate?.s2c, deflate?.c2s];
  return (own.takeover && !taken.takeover) || own.bits > taken.bits;
}

/** @type {Record<string, (difference: Difference) => boolean>} */
export const REASONS = {
  "unmasking-limit": ({ aspect, frame, ours, theirs, context }) =>
    frame?.mask === 1 &&
    frame.length > UNMASKED_MOST &&
    (aspect === "payload" || aspect === "message") &&
    (context.isCompressed && aspect === "message"
      ? true
      : ours.startsWith(theirs) && theirs.length === 2 * UNMASKED_MOST),

  "empty-compressed-message": ({ aspect, frame, ours, theirs, context }) =>
    aspect === "message" && context.isCompressed && ours === "" && theirs === frame.payload,

  "fragmented-compressed-message": ({ aspect, context }) =>
    aspect === "message" && context.isCompressed && context.fragments.length > 1,

  "empty-last-fragment": ({ aspect, frame, theirs, context }) =>
    aspect === "message" && theirs === "" && context.fragments.length > 1 && frame.length === 0,

  "fragments-of-both-directions": ({ aspect, context }) =>
    aspect === "message" && !context.isCompressed && context.isInterleaved,

  "deflate-parameters-swapped": ({ aspect, context }) =>
    aspect === "message" && context.isCompressed && context.fragments.length === 1 && isSwapped(context),

  "history-lost": ({ aspect, context }) =>
    aspect === "message" &&
    context.isCompressed &&
    context.fragments.length === 1 &&
    context.hasFailed &&
    context.deflate?.[context.direction].takeover === true,
};

/** The name of the reason, if there is one. @param {Difference} difference */
export function reasonOf(difference) {
  return Object.keys(REASONS).find((name) => REASONS[name]?.(difference)) ?? null;
}

/**
 * The rows of the table in DIFFERENCES.md under a heading: cells without their marks.
 *
 * @param {string} heading
 */
export function tableUnder(heading) {
  const text = readFileSync(new URL("DIFFERENCES.md", import.meta.url), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  const cells = (line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", ""));
  return rows.slice(2).map(cells);
}
