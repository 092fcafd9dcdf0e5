// @ts-check
// Two runs of answers, message by message: the same, different, missing, too many.

import { brief, isSame, textOf, toHex } from "./bytes.js";
import { answerText } from "./script.js";

/** @import { Answer } from "./script.js" */

/** @typedef {"same" | "differs" | "missing" | "extra"} Verdict */

/**
 * @template {Answer} L
 * @typedef {{ verdict: Verdict, captured: Answer | null, live: L | null, differences: string[] }} Pair
 */

/** So many comparisons are still quick; beyond, answers are paired by their order alone. */
const CELLS_MAX = 4_000_000;
/** Differences told of one message. */
const TOLD = 20;

/** Names of fields that say nothing, as `id, data.time`. @param {string} text */
export function ignoredNames(text) {
  return text.split(/[\s,;]+/).filter((name) => name !== "");
}

/**
 * @template {Answer} L
 * @param {Answer[]} captured
 * @param {L[]} live
 * @param {string[]} ignored
 * @returns {Pair<L>[]}
 */
export function compared(captured, live, ignored) {
  const [theirs, ours] = [captured, live].map((answers) => answers.map((answer) => keyOf(answer, ignored)));
  /** @type {Pair<L>[]} */
  const pairs = [];
  let [at, to] = [0, 0];
  /** Those between two that are the same: paired in order as long as they are of a kind. @param {number} untilCaptured @param {number} untilLive */
  const between = (untilCaptured, untilLive) => {
    while (at < untilCaptured || to < untilLive) {
      const [one, other] = [captured[at], live[to]];
      const isPair = at < untilCaptured && to < untilLive && one?.kind === other?.kind;
      if (isPair && one && other) {
        pairs.push({ verdict: "differs", captured: one, live: other, differences: differences(one, other, ignored) });
        at += 1;
        to += 1;
      } else if (at < untilCaptured && one) {
        pairs.push({ verdict: "missing", captured: one, live: null, differences: [] });
        at += 1;
      } else if (other) {
        pairs.push({ verdict: "extra", captured: null, live: other, differences: [] });
        to += 1;
      }
    }
  };
  for (const [one, other] of common(theirs ?? [], ours ?? [])) {
    between(one, other);
    pairs.push({ verdict: "same", captured: captured[one] ?? null, live: live[other] ?? null, differences: [] });
    at = one + 1;
    to = other + 1;
  }
  between(captured.length, live.length);
  return pairs;
}

/**
 * The longest run of both that is the same, as pairs of places.
 *
 * @param {string[]} theirs
 * @param {string[]} ours
 * @returns {[number, number][]}
 */
function common(theirs, ours) {
  let start = 0;
  while (start < theirs.length && theirs[start] === ours[start]) start += 1;
  const head = Array.from({ length: start }, (_, at) => /** @type {[number, number]} */ ([at, at]));
  const [rows, columns] = [theirs.length - start, ours.length - start];
  if (rows * columns > CELLS_MAX) {
    const rest = theirs.flatMap((key, at) => (at >= start && key === ours[at] ? [at] : []));
    return [...head, ...rest.map((at) => /** @type {[number, number]} */ ([at, at]))];
  }
  const width = columns + 1;
  const table = new Uint16Array((rows + 1) * width);
  const cell = (/** @type {number} */ row, /** @type {number} */ column) => table[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      const isAlike = theirs[start + row] === ours[start + column];
      table[row * width + column] = isAlike
        ? cell(row + 1, column + 1) + 1
        : Math.max(cell(row + 1, column), cell(row, column + 1));
    }
  }
  /** @type {[number, number][]} */
  const found = [];
  let [row, column] = [0, 0];
  while (row < rows && column < columns) {
    if (theirs[start + row] === ours[start + column]) {
      found.push([start + row, start + column]);
      row += 1;
      column += 1;
    } else if (cell(row + 1, column) >= cell(row, column + 1)) row += 1;
    else column += 1;
  }
  return [...head, ...found];
}

/** What is compared of an answer. @param {Answer} answer @param {string[]} ignored */
function keyOf(answer, ignored) {
  const json = jsonOf(answer);
  return `${answer.kind} ${json === undefined ? toHex(answer.bytes) : JSON.stringify(settled(json, ignored, ""))}`;
}

/** @param {Answer} answer @returns {unknown} undefined for what is no JSON object or list */
function jsonOf({ kind, bytes }) {
  const text = kind === "text" ? textOf(bytes) : null;
  if (text === null || !/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** In one order, without what is ignored. @param {unknown} value @param {string[]} ignored @param {string} path @returns {unknown} */
function settled(value, ignored, path) {
  if (Array.isArray(value)) return value.map((each) => settled(each, ignored, path));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !isIgnored(join(path, name), ignored));
  const sorted = kept.toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, each]) => [name, settled(each, ignored, join(path, name))]));
}

/** @param {string} path @param {string[]} ignored */
function isIgnored(path, ignored) {
  return ignored.some((name) => path === name || path.endsWith(`.${name}`));
}

/** @param {string} path @param {string} name */
function join(path, name) {
  return path === "" ? name : `${path}.${name}`;
}

/**
 * In words, what is not the same.
 *
 * @param {Answer} captured @param {Answer} live @param {string[]} ignored
 * @returns {string[]}
 */
export function differences(captured, live, ignored) {
  const [one, other] = [jsonOf(captured), jsonOf(live)];
  if (one !== undefined && other !== undefined) {
    /** @type {string[]} */
    const found = [];
    compareJson(one, other, ignored, "", found);
    return found.length > TOLD ? [...found.slice(0, TOLD), `and ${found.length - TOLD} more`] : found;
  }
  if (isSame(captured.bytes, live.bytes)) return [];
  if (captured.kind === "close") return [`${answerText(captured)} → ${answerText(live)}`];
  let at = 0;
  while (at < captured.bytes.length && captured.bytes[at] === live.bytes[at]) at += 1;
  const lengths = `${captured.bytes.length} and ${live.bytes.length} bytes`;
  return [`from byte ${at} on (${lengths}): ${around(captured, at)} → ${around(live, at)}`];
}

/** @param {Answer} answer @param {number} at */
function around({ bytes, kind }, at) {
  if (at >= bytes.length) return "nothing";
  const piece = bytes.subarray(Math.max(0, at - 8), at + 24);
  const text = kind === "text" ? new TextDecoder().decode(piece) : toHex(piece.subarray(0, 16), " ");
  return `“${text}”`;
}

/** @param {unknown} one @param {unknown} other @param {string[]} ignored @param {string} path @param {string[]} found */
function compareJson(one, other, ignored, path, found) {
  if (isIgnored(path, ignored)) return;
  const isBoth = typeof one === "object" && typeof other === "object" && one !== null && other !== null;
  if (isBoth && Array.isArray(one) === Array.isArray(other)) {
    // The casts: both are objects.
    const [theirs, ours] = [
      /** @type {Record<string, unknown>} */ (one),
      /** @type {Record<string, unknown>} */ (other),
    ];
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)]))
      compareJson(theirs[name], ours[name], ignored, join(path, name), found);
  } else if (JSON.stringify(one) !== JSON.stringify(other)) {
    found.push(`${path || "all of it"}: ${shown(one)} → ${shown(other)}`);
  }
}

/** @param {unknown} value */
function shown(value) {
  return value === undefined ? "nothing" : brief(JSON.stringify(value), 60);
}
