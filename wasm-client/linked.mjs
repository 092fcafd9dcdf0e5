// What refers to what in a module as the linker wrote it, with `--emit-relocs`: functions, and the constants they use.

import { readFileSync } from "node:fs";
import { leb, readSections, signedLeb, text } from "./sections.mjs";

const [CUSTOM, IMPORT, EXPORT, CODE, DATA] = [0, 2, 7, 10, 11];

/** Kinds of symbols, and their flags, as the tools' conventions have them (Linking.md). */
const [FUNCTION, DATA_SYMBOL, SECTION_SYMBOL] = [0, 1, 3];
const [UNDEFINED, EXPLICIT_NAME] = [0x10, 0x40];

/** Relocations by what they refer to: a function, called or by its place in the table; an address, which has an addend. */
const TO_FUNCTION = new Set([0, 1, 2]);
const TO_DATA = new Set([3, 4, 5]);
const WITHOUT_ADDEND = new Set([0, 1, 2, 6, 7, 10, 12, 13, 18, 19, 20, 24, 26]);

/**
 * @typedef {object} Thing a function or a constant
 * @property {string} name a function's, as the compiler wrote it
 * @property {boolean} isFunction
 * @property {number} address of a constant
 * @property {number} size of a constant
 * @property {Thing[]} uses
 *
 * @typedef {object} Linked
 * @property {Thing[]} functions
 * @property {Thing[]} constants those that nothing writes to
 * @property {{ address: number, bytes: Buffer }[]} segments what memory begins with
 * @property {Map<string, Thing>} exports functions by the name they are exported under
 */

/** @param {string} path @returns {Linked} */
export function readLinked(path) {
  const sections = readSections(readFileSync(path));
  if (!custom(sections, "linking")) throw new Error("the linker left no relocations");
  const code = sections.find(({ id }) => id === CODE);
  const data = sections.find(({ id }) => id === DATA);
  const functions = readFunctions(code, countImported(sections), readNames(sections));
  const segments = readSegments(data);
  const things = readSymbols(custom(sections, "linking"), functions, segments);
  const constants = things.filter((thing) => thing && !thing.isFunction).sort((a, b) => a.from - b.from);
  for (const section of sections) {
    if (!section.title?.startsWith("reloc.")) continue;
    for (const { of, type, offset, symbol } of readRelocations(section.rest)) {
      const used = things[symbol];
      if (!used || !(TO_FUNCTION.has(type) || TO_DATA.has(type))) continue;
      const users = sections[of] === code ? [last(functions, offset)] : around(constants, offset);
      for (const user of users) user.uses.push(used);
    }
  }
  const byNumber = new Map(functions.map((one) => [one.number, one]));
  return {
    functions,
    constants: constants.filter(({ isReadOnly }) => isReadOnly),
    segments,
    exports: new Map(readExports(sections).map(([name, number]) => [name, byNumber.get(number)])),
  };
}

/** All that can be reached from some, themselves included. `isCut`: not through this one. */
export function reachable(/** @type {Thing[]} */ roots, isCut = (/** @type {Thing} */ _) => false) {
  const found = new Set(roots);
  for (const one of found) for (const used of one.uses) if (!isCut(used)) found.add(used);
  return found;
}

function readFunctions(code, imported, names) {
  const functions = [];
  let [count, at] = leb(code.bytes, 0);
  for (let number = imported; count > 0; count--, number++) {
    const [length, from] = leb(code.bytes, at);
    functions.push({ isFunction: true, number, name: names.get(number) ?? "", from, to: from + length, uses: [] });
    at = from + length;
  }
  return functions;
}

/** Where each segment's bytes are in its section and in memory. */
function readSegments(data) {
  const segments = [];
  let [count, at] = leb(data.bytes, 0);
  for (; count > 0; count--) {
    // Active, in the one memory, at a constant address: `i32.const`, the address, `end`.
    if (data.bytes[at] !== 0 || data.bytes[at + 1] !== 0x41) throw new Error("a segment is not active");
    const [address, end] = signedLeb(data.bytes, at + 2);
    const [length, from] = leb(data.bytes, end + 1);
    segments.push({ address, from, bytes: data.bytes.subarray(from, from + length) });
    at = from + length;
  }
  return segments;
}

/** By their numbers; what is neither function nor data, or not defined in here, is left out. */
function readSymbols(linking, functions, segments) {
  const [VERSION, SEGMENTS, SYMBOLS] = [2, 5, 8];
  const imported = functions[0].number;
  const things = [];
  /** @type {string[]} */
  const titles = [];
  let [version, at] = leb(linking, 0);
  if (version !== VERSION) throw new Error(`the linker writes version ${version} of its section`);
  while (at < linking.length) {
    const kind = linking[at];
    const [length, start] = leb(linking, at + 1);
    at = start + length;
    if (kind !== SEGMENTS && kind !== SYMBOLS) continue;
    let [count, next] = leb(linking, start);
    const number = () => {
      const [value, end] = leb(linking, next);
      next = end;
      return value;
    };
    const name = () => {
      const [value, end] = text(linking, next);
      next = end;
      return value;
    };
    for (; kind === SEGMENTS && count > 0; count--) {
      titles.push(name());
      // Alignment and flags.
      number();
      number();
    }
    for (; count > 0; count--) {
      const symbol = number();
      const flags = number();
      let thing;
      if (symbol === DATA_SYMBOL) {
        name();
        if (!(flags & UNDEFINED)) {
          const [segment, offset, size] = [number(), number(), number()];
          const { address, from } = segments[segment] ?? { address: 0, from: 0 };
          thing = {
            name: "",
            isFunction: false,
            segment,
            address: address + offset,
            size,
            from: from + offset,
            uses: [],
          };
        }
      } else if (symbol === SECTION_SYMBOL) {
        number();
      } else {
        const index = number();
        if (!(flags & UNDEFINED) || flags & EXPLICIT_NAME) name();
        if (symbol === FUNCTION) thing = functions[index - imported];
      }
      things.push(thing);
    }
  }
  // What is never written to, as compilers call it.
  for (const thing of things)
    if (thing && !thing.isFunction) thing.isReadOnly = /^\.rodata/.test(titles[thing.segment] ?? "");
  return things;
}

function* readRelocations(bytes) {
  let [of, at] = leb(bytes, 0);
  let count;
  [count, at] = leb(bytes, at);
  for (; count > 0; count--) {
    const type = bytes[at];
    let offset;
    let symbol;
    [offset, at] = leb(bytes, at + 1);
    [symbol, at] = leb(bytes, at);
    if (!WITHOUT_ADDEND.has(type)) [, at] = signedLeb(bytes, at);
    yield { of, type, offset, symbol };
  }
}

function readExports(sections) {
  const { bytes } = sections.find(({ id }) => id === EXPORT);
  const found = [];
  let [count, at] = leb(bytes, 0);
  for (; count > 0; count--) {
    const [name, kindAt] = text(bytes, at);
    const [number, end] = leb(bytes, kindAt + 1);
    if (bytes[kindAt] === FUNCTION) found.push([name, number]);
    at = end;
  }
  return found;
}

/** How many functions come from outside: the first numbers are theirs. */
export function countImported(sections) {
  const imports = sections.find(({ id }) => id === IMPORT);
  if (!imports) return 0;
  const { bytes } = imports;
  let functions = 0;
  let [count, at] = leb(bytes, 0);
  for (; count > 0; count--) {
    at = text(bytes, at)[1];
    at = text(bytes, at)[1];
    if (bytes[at] !== FUNCTION) throw new Error("an import is no function");
    functions++;
    at = leb(bytes, at + 1)[1];
  }
  return functions;
}

/** What the name section calls each function, by number. */
export function readNames(sections) {
  const FUNCTION_NAMES = 1;
  const names = new Map();
  const bytes = custom(sections, "name") ?? Buffer.alloc(0);
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at];
    const [length, start] = leb(bytes, at + 1);
    if (kind === FUNCTION_NAMES) {
      let [count, next] = leb(bytes, start);
      for (; count > 0; count--) {
        const [number, nameAt] = leb(bytes, next);
        const [name, end] = text(bytes, nameAt);
        names.set(number, name);
        next = end;
      }
    }
    at = start + length;
  }
  return names;
}

function custom(sections, title) {
  return sections.find((section) => section.id === CUSTOM && section.title === title)?.rest;
}

/** The function at an offset into the code. They are in order. */
function last(functions, offset) {
  let [low, high] = [0, functions.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (functions[middle].from <= offset) low = middle;
    else high = middle - 1;
  }
  return functions[low];
}

/** The constants at an offset into the data: the linker may have put one into another. */
function around(constants, offset) {
  const found = constants.filter(({ from, size }) => from <= offset && offset < from + size);
  if (found.length === 0) throw new Error(`nothing is at offset ${offset} of the data`);
  return found;
}
