// @ts-check
// How a queue of frames is cut into writes.

import { fromHex, joined, Unreadable } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */

/** @typedef {"each" | "one" | "bytes" | "header" | "at"} Cut */
/** @typedef {{ bytes: Bytes, headerLength: number, pause: number, isClose: boolean }} Piece */
/** One write: what is waited before it, and how many frames end in it. @typedef {{ bytes: Bytes, pause: number, frames: number, isClose: boolean }} Write */

/** @type {[Cut, string][]} */
export const CUTS = [
  ["each", "a write for each frame"],
  ["one", "all in one write"],
  ["header", "split in the header"],
  ["bytes", "byte by byte"],
  ["at", "cut at these bytes"],
];

/** Each is a message through the tunnel: more would take minutes, and say nothing more. */
const WRITES_MAX = 4096;

/**
 * @param {Piece[]} pieces
 * @param {Cut} cut
 * @param {string} at offsets in all the bytes together, for "at"
 * @param {number} between milliseconds between writes
 * @returns {Write[]}
 */
export function writesOf(pieces, cut, at, between) {
  const all = joined(pieces.map(({ bytes }) => bytes));
  /** Where each frame ends. @type {number[]} */
  const ends = [];
  let end = 0;
  for (const { bytes } of pieces) {
    end += bytes.length;
    ends.push(end);
  }
  const cuts = [...new Set(placesOf(pieces, ends, cut, at, all.length))].toSorted((one, other) => one - other);
  if (cuts.length > WRITES_MAX)
    throw new Unreadable(`That would be ${cuts.length} writes; ${WRITES_MAX} are the most.`);
  let from = 0;
  return cuts.map((to, place) => {
    // The pause of a frame comes before the write that it begins in, if it begins one.
    const begins = pieces.findIndex((_, index) => (index === 0 ? 0 : ends[index - 1]) === from);
    const ended = pieces.filter((_, index) => from < (ends[index] ?? 0) && (ends[index] ?? 0) <= to);
    const write = {
      bytes: all.slice(from, to),
      pause: (pieces[begins]?.pause ?? 0) + (place > 0 ? between : 0),
      frames: ended.length,
      isClose: ended.some(({ isClose }) => isClose),
    };
    from = to;
    return write;
  });
}

/** @param {Piece[]} pieces @param {number[]} ends @param {Cut} cut @param {string} at @param {number} length */
function placesOf(pieces, ends, cut, at, length) {
  switch (cut) {
    case "each":
      return ends;
    case "one":
      return [length];
    case "bytes":
      return Array.from({ length: Math.min(length, WRITES_MAX + 1) }, (_, place) => place + 1);
    case "header":
      return pieces.flatMap(({ bytes, headerLength }, index) => {
        const end = ends[index] ?? 0;
        const start = end - bytes.length;
        return [start + 1, start + headerLength, end].filter((place) => place <= end);
      });
    default:
      return [...offsetsOf(at, length), length];
  }
}

/** @param {string} text @param {number} length */
function offsetsOf(text, length) {
  return text
    .split(/[\s,;]+/)
    .filter((word) => word !== "")
    .map((word) => {
      const offset = Number(word);
      if (!Number.isInteger(offset) || offset < 1 || offset >= length)
        throw new Unreadable(
          `“${word}” is no place to cut: there are ${length} bytes, so 1 to ${Math.max(1, length - 1)}.`,
        );
      return offset;
    });
}

/** Where the header of a frame ends, read by the module. @param {import("./modules.js").Modules} modules @param {Bytes} bytes */
export function headerLengthOf(modules, bytes) {
  const [first] = modules.dissect("c2s", null, bytes);
  if (first === undefined) return 1;
  const { header, cutHeader } = JSON.parse(first);
  return fromHex(header?.bytes ?? cutHeader ?? "00").length;
}
