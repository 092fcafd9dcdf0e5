// @ts-check
// Compositions that are kept under a name, in this browser. What is found there and is none is left out, whoever wrote it.

import { newFrame, newPasted } from "./frame.js";
import { newOpening } from "./opening.js";
import { CUTS } from "./writes.js";

/** @import { Item } from "./frame.js" */
/** @import { Opening } from "./opening.js" */
/** @import { Cut } from "./writes.js" */

/**
 * @typedef {object} Composition
 * @property {Item[]} items
 * @property {Opening} opening
 * @property {Cut} cut
 * @property {string} at
 * @property {string} between
 * @property {{ server: string, path: string } | null} target
 */

const KEY = "framescope.lab.saved";

/** More are not kept: a name is given up for each. */
const MOST = 100;

/** @returns {Composition} */
export function newComposition() {
  return { items: [newFrame()], opening: newOpening(), cut: "each", at: "", between: "0", target: null };
}

/** All of them, by name. @returns {Map<string, Composition>} */
export function readSaved() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    if (!Array.isArray(found)) return new Map();
    return new Map(
      found.flatMap((entry) => {
        const isNamed = Array.isArray(entry) && typeof entry[0] === "string" && entry[0] !== "";
        const read = isNamed ? asComposition(entry[1]) : null;
        return read ? [[entry[0], read]] : [];
      }),
    );
  } catch {
    return new Map();
  }
}

/**
 * @param {Map<string, Composition>} all
 * @returns {boolean} whether the browser kept it
 */
export function writeSaved(all) {
  try {
    localStorage.setItem(KEY, JSON.stringify([...all].slice(-MOST)));
    return true;
  } catch {
    return false;
  }
}

/** @param {unknown} value @returns {Composition | null} */
export function asComposition(value) {
  if (!isObject(value) || !Array.isArray(value.items)) return null;
  const items = value.items.map(asItem).filter((item) => item !== null);
  const fresh = newComposition();
  const { target } = value;
  return {
    items: items.length > 0 ? items : fresh.items,
    opening: alike(fresh.opening, value.opening),
    cut: CUTS.find(([cut]) => cut === value.cut)?.[0] ?? fresh.cut,
    at: asText(value.at),
    between: asText(value.between) || "0",
    target:
      isObject(target) && typeof target.server === "string" && typeof target.path === "string"
        ? { server: target.server, path: target.path }
        : null,
  };
}

/** @param {unknown} value @returns {Item | null} */
function asItem(value) {
  if (!isObject(value)) return null;
  if (value.type === "bytes") {
    const item = alike(newPasted(), value);
    return { ...item, as: item.as === "base64" ? "base64" : "hex" };
  }
  if (value.type !== "frame") return null;
  const item = alike(newFrame(), value);
  const isOne = (/** @type {string[]} */ all, /** @type {string} */ one) => all.includes(one);
  if (!Number.isInteger(item.opcode) || item.opcode < 0 || item.opcode > 15) item.opcode = 1;
  if (!isOne(["minimal", "7", "16", "64"], item.lengthAs)) item.lengthAs = "minimal";
  // A file is not kept, and has to be chosen anew.
  if (!isOne(["text", "hex", "base64", "file", "close"], item.payloadAs)) item.payloadAs = "text";
  return item;
}

/**
 * The members that this has, of the kind they have here.
 *
 * @template {object} T
 * @param {T} fresh
 * @param {unknown} value
 * @returns {T}
 */
function alike(fresh, value) {
  if (!isObject(value)) return fresh;
  const known = Object.entries(fresh).map(([name, usual]) => [
    name,
    typeof value[name] === typeof usual ? value[name] : usual,
  ]);
  // The cast: the same members of the same types.
  return /** @type {T} */ ({ ...Object.fromEntries(known), ...("type" in fresh ? { type: fresh.type } : {}) });
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isObject(value) {
  return typeof value === "object" && value !== null;
}

/** @param {unknown} value */
function asText(value) {
  return typeof value === "string" ? value : "";
}
