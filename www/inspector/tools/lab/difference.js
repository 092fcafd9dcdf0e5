// @ts-check
// Two runs of answers, message by message: the same, different, missing, too many.

import { diff } from "../diff.js";
import { brief, isSame, textOf, toHex } from "./bytes.js";
import { answerText } from "./script.js";

/** @import { Answer } from "./script.js" */

/** @typedef {"same" | "differs" | "missing" | "extra"} Verdict */

/**
 * @template {Answer} L
 * @typedef {{ verdict: Verdict, captured: Answer | null, live: L | null, differences: string[] }} Pair
 */

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
  const keys = new Map([...captured, ...live].map((answer) => [answer, keyOf(answer, ignored)]));
  /** @param {Answer} one @param {Answer} other */
  const isAlike = (one, other) => keys.get(one) === keys.get(other);
  /** @param {Answer} one @param {Answer} other */
  const isKin = (one, other) => one.kind === other.kind;
  return diff(captured, live, isAlike, isKin).map((step) => {
    const theirs = "left" in step ? captured[step.left] : undefined;
    const ours = "right" in step ? live[step.right] : undefined;
    const both = { captured: theirs ?? null, live: ours ?? null };
    if (!theirs || !ours) return { verdict: ours ? "extra" : "missing", ...both, differences: [] };
    if (isAlike(theirs, ours)) return { verdict: "same", ...both, differences: [] };
    return { verdict: "differs", ...both, differences: differences(theirs, ours, ignored) };
  });
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
