// Splits the inspector's module in two, and optimises both: node wasm-client/split.mjs LINKED MODULE SECOND FLAGS..
//
// LINKED is what the linker wrote with `--emit-relocs`, MODULE what wasm-bindgen made of it, names as the compiler wrote them.
// MODULE becomes the first half: what a live list of rows needs. The rest goes to SECOND, which pages fetch once rows are shown;
// it works on the first half's memory, table and globals. FLAGS are wasm-opt's.
//
// Nothing is guessed. The linker's relocations say which function and which constant refers to which, so all that the first
// half's methods can ever reach stays there, but for what ONLY_LATER names. What the second half has and the first refers to, its
// methods foremost, is there a call through the table, into a place that the second half fills when it comes. JavaScript
// calls no such method before: www/lib/wasm.js.
//
// Modules are read and written as text, by Binaryen, one form a line or more. Whatever is not as it is known here, since a tool
// is newer, ends this with a word about it, and MODULE stays whole as it is.
import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FIRST_HALF } from "../www/inspector/worker/halves.js";
import { checkCalls, checkData, checkLinks } from "./checks.mjs";
import { reachable, readLinked } from "./linked.mjs";

/** What JavaScript may call when only the first half is there. */
const FIRST = new Set(["start", "codecVersion", ...["new", ...FIRST_HALF].map((method) => `capture_${method}`)]);
/** wasm-bindgen's own exports serve both. */
const GLUE = /^__/;

/**
 * Run only once a filter was made, and what makes one is in the second half: the filter language, what it asks of a row, and
 * its regular expressions, as the compiler writes their modules.
 */
const ONLY_LATER = /16framescope_codec7capture6filter|framescope_codec\.\.capture\.\.filter\.\.Subject|10regex_lite/;

/** What the second half imports from, and the table by which JavaScript knows that there is one. */
export const FROM = "first";
export const TABLE = "functions";

/** wasm-bindgen's wrappers, and the hash that it tells exports apart by. */
const plain = (/** @type {string} */ name) =>
  name.replace(/( externref shim)?( multivalue shim)?$/, "").replace(/_[0-9a-f]{16}$/, "");

const tool = (/** @type {string} */ name, /** @type {string[]} */ ...args) =>
  execFileSync(fileURLToPath(new URL(`../tests/browser/node_modules/.bin/${name}`, import.meta.url)), args, {
    stdio: ["ignore", "inherit", "pipe"],
    maxBuffer: 1 << 26,
  });

/**
 * What goes to the second half.
 *
 * @param {import("./linked.mjs").Linked} linked
 */
export function toMove({ functions, constants, exports }) {
  const named = [...exports].map(([name, one]) => ({ name: plain(name), one }));
  const missing = [...FIRST].filter((wanted) => !named.some(({ name }) => name === wanted));
  if (missing.length > 0) throw new Error(`the module has no ${missing.join(", ")}`);
  const roots = named.filter(({ name }) => FIRST.has(name) || GLUE.test(name)).map(({ one }) => one);
  const stays = reachable(roots, ({ name }) => ONLY_LATER.test(name));
  const used = reachable([...exports.values()]);
  const staying = new Set(functions.filter((one) => stays.has(one)).map(({ name }) => plain(name)));
  const moving = functions.filter((one) => used.has(one) && !stays.has(one)).map(({ name }) => plain(name));
  return {
    /** Of two functions with one name, both stay. */
    names: new Set(moving.filter((name) => name !== "" && !staying.has(name))),
    data: ranges(
      constants.filter((one) => used.has(one) && !stays.has(one)),
      constants.filter((one) => stays.has(one)),
    ),
  };
}

/** Where constants are that go, as far as none that stays is in the same place. */
function ranges(going, staying) {
  const end = Math.max(0, ...going.map(({ address, size }) => address + size));
  const bytes = new Uint8Array(end);
  for (const { address, size } of going) bytes.fill(1, address, address + size);
  for (const { address, size } of staying) bytes.fill(0, address, address + size);
  /** @type {{ from: number, to: number }[]} */
  const found = [];
  for (let from = bytes.indexOf(1); from !== -1; ) {
    const past = bytes.indexOf(0, from);
    const to = past === -1 ? end : past;
    found.push({ from, to });
    from = bytes.indexOf(1, to);
  }
  return found;
}

/** A module's forms, one text each, and what wasm-as has to allow. */
export function readForms(/** @type {string} */ listing) {
  const features = /features section: (.*)/.exec(listing)?.[1]?.split(", ") ?? [];
  const body = listing.slice(listing.indexOf("\n") + 1, listing.lastIndexOf("\n)"));
  const forms = body.split(/\n(?= \()/).map((form) => form.replace(/^ ;;.*$/gm, "").trimEnd());
  return { forms, features: features.map((feature) => `--enable-${feature}`) };
}

const NAME = String.raw`\$(?:"[^"]*"|[^\s()"]+)`;
const nameOf = (/** @type {string} */ form) =>
  new RegExp(`^ \\((?:func|global|table|memory) (${NAME})`).exec(form)?.[1] ?? "";
const bare = (/** @type {string} */ token) => token.replace(/^\$"?|"$/g, "");

/**
 * @param {{ forms: string[] }} whole
 * @param {ReturnType<typeof toMove>} told
 */
export function split({ forms }, told) {
  const isOf = (/** @type {string} */ kind) => (/** @type {string} */ form) => form.startsWith(` (${kind} `);
  const [types, imports, exports, functions, globals, tables, memories, elements, data] = [
    "type",
    "import",
    "export",
    "func",
    "global",
    "table",
    "memory",
    "elem",
    "data",
  ].map((kind) => forms.filter(isOf(kind)));
  const goes = (/** @type {string} */ form) => told.names.has(plain(bare(nameOf(form))));
  const going = functions.filter(goes);
  const staying = functions.filter((form) => !goes(form));
  const gone = new Set(going.map(nameOf));

  // Places in the table: those there are, and one more for each function that the first half calls in the second.
  const called = references([...staying, ...exports]);
  const stubbed = going.filter((form) => called.has(`func ${nameOf(form)}`));
  const table = /^ \(table (\S+) (\d+) (\d+) funcref\)$/.exec(tables.find((form) => form.endsWith("funcref)")) ?? "");
  if (!table) throw new Error("the table of functions is not as it was");
  const places = Number(table[2]);
  const grown = ` (table ${table[1]} ${places + stubbed.length} ${places + stubbed.length} funcref)`;
  const stubs = stubbed.map((form, at) => stub(form, table[1], places + at));
  const filled = elements.flatMap((form) => runs(form, (name) => gone.has(name)));
  filled.push({ at: places, names: stubbed.map(nameOf), goes: true });
  const elementsOf = (/** @type {boolean} */ goes) =>
    filled
      .filter((run) => run.goes === goes && run.names.length > 0)
      .map(({ at, names }) => ` (elem (table ${table[1]}) (i32.const ${at}) func ${names.join(" ")})`);

  // What the second half uses of the first it imports, and the first exports under a short name.
  const wanted = references(going).add(`table ${table[1]}`);
  const links = [...staying, ...imports, ...globals, ...tables, ...memories]
    .map((form) => {
      const kind = /^ \((?:import "[^"]*" "[^"]*" \()?(\w+)/.exec(form)?.[1] ?? "";
      return { form, kind, name: nameOf(form) || nameOf(inner(form)) };
    })
    .filter(({ kind, name }) => kind === "memory" || wanted.has(`${kind} ${name}`))
    .map(({ form, kind, name }, at) => {
      const isFunctions = kind === "table" && name === table[1];
      const outside = isFunctions ? TABLE : at.toString(36);
      return {
        exported: ` (export "${outside}" (${kind} ${name}))`,
        imported: ` (import "${FROM}" "${outside}" ${type(isFunctions ? grown : form)})`,
      };
    });
  const moved = data.map((form) => cut(form, told.data));
  return {
    gone,
    first: [
      ...types,
      ...imports,
      ...globals,
      ...memories,
      ...tables.map((form) => (nameOf(form) === table[1] ? grown : form)),
      ...moved.map(({ rest }) => rest),
      ...elementsOf(false),
      ...exports,
      ...links.map(({ exported }) => exported),
      ...staying,
      ...stubs,
    ],
    second: [
      ...types,
      ...links.map(({ imported }) => imported),
      ...moved.flatMap(({ pieces }) => pieces),
      ...elementsOf(true),
      ...going,
    ],
  };
}

/** What forms refer to, each as its kind and its name: functions, globals and tables have names of their own. */
function references(/** @type {string[]} */ forms) {
  const pattern = new RegExp(
    String.raw`\((call|return_call|ref\.func|func|global\.\w+|table\.\w+|call_indirect) (${NAME})`,
    "g",
  );
  const kindOf = (/** @type {string} */ instruction) =>
    /^(?:table\.|call_indirect)/.test(instruction) ? "table" : instruction.startsWith("global.") ? "global" : "func";
  // Not the function's own name.
  const body = (/** @type {string} */ form) => (isFunction(form) ? form.slice(form.indexOf("\n")) : form);
  const found = forms.flatMap((form) => [...body(form).matchAll(pattern)]);
  return new Set(found.map(([, instruction, name]) => `${kindOf(instruction)} ${name}`));
}

const isFunction = (/** @type {string} */ form) => form.startsWith(" (func ");

/** What an import brings. */
function inner(/** @type {string} */ form) {
  return form.replace(/^ \(import "[^"]*" "[^"]*" /, " ").replace(/\)$/, "");
}

/** The parameters and results of a function. */
const signature = (/** @type {string} */ form) => ({
  params: [...form.slice(0, form.indexOf("\n")).matchAll(/\(param (?:\$\S+ )?(\w+)\)/g)].map(([, kind]) => kind),
  results: /\(result ([\w ]+)\)/.exec(form.slice(0, form.indexOf("\n")))?.[1],
});

const written = (/** @type {ReturnType<typeof signature>} */ { params, results }) =>
  (params.length > 0 ? ` (param ${params.join(" ")})` : "") + (results ? ` (result ${results})` : "");

/** A form as an import says what it is. */
function type(/** @type {string} */ form) {
  if (form.startsWith(" (import ")) return inner(form).trim();
  if (isFunction(form)) return `(func ${nameOf(form)}${written(signature(form))})`;
  // A global without its value.
  if (form.startsWith(" (global ")) return form.trim().replace(/ \(i32\.const [-\d]+\)\)$/, ")");
  return form.trim();
}

/** In place of a function: a call of what the second half puts into the table. */
function stub(/** @type {string} */ form, /** @type {string} */ table, /** @type {number} */ place) {
  const { params, results } = signature(form);
  const types = written({ params, results });
  const values = params.map((_, at) => `(local.get ${at})`).join(" ");
  return ` (func ${nameOf(form)}${types}\n  (call_indirect ${table}${types} ${values} (i32.const ${place})))`;
}

/** An element segment by runs of what goes and what stays. */
function runs(/** @type {string} */ form, /** @type {(name: string) => boolean} */ isGone) {
  const [, start, list] = /^ \(elem (?:\S+ )?(?:\(table \S+\) )?\(i32\.const (\d+)\) func (.*)\)$/s.exec(form) ?? [];
  if (!list) throw new Error("an element segment is not as it was");
  /** @type {{ at: number, names: string[], goes: boolean }[]} */
  const found = [];
  for (const [at, [name]] of [...list.matchAll(new RegExp(NAME, "g"))].entries()) {
    const goes = isGone(name);
    if (found.at(-1)?.goes === goes) found.at(-1)?.names.push(name);
    else found.push({ at: Number(start) + at, names: [name], goes });
  }
  return found;
}

function readData(/** @type {string} */ form) {
  const [, head, start, string] = /^( \(data \S+ )\(i32\.const (\d+)\) "(.*)"\)$/s.exec(form) ?? [];
  if (string === undefined) throw new Error("a data segment is not as it was");
  return { head, address: Number(start), bytes: unescaped(string) };
}

/** A data segment without what goes, and that in pieces. */
function cut(/** @type {string} */ form, /** @type {{ from: number, to: number }[]} */ ranges) {
  const { head, address, bytes } = readData(form);
  const inside = ranges
    .map(({ from, to }) => ({ from: from - address, to: to - address }))
    .filter(({ from, to }) => from >= 0 && to <= bytes.length);
  const pieces = joined(inside).map(
    ({ from, to }) => ` (data (i32.const ${address + from}) "${escaped(bytes.subarray(from, to))}")`,
  );
  for (const { from, to } of inside) bytes.fill(0, from, to);
  return { rest: `${head}(i32.const ${address}) "${escaped(bytes)}")`, pieces };
}

/** Two with little in between become one: the second half writes there what is there already, which nothing else writes to. */
function joined(/** @type {{ from: number, to: number }[]} */ ranges) {
  const LITTLE = 8;
  /** @type {{ from: number, to: number }[]} */
  const found = [];
  for (const { from, to } of ranges) {
    const before = found.at(-1);
    if (before && from - before.to < LITTLE) before.to = to;
    else found.push({ from, to });
  }
  return found;
}

function unescaped(/** @type {string} */ string) {
  const letters = { t: 9, n: 10, r: 13, '"': 34, "'": 39, "\\": 92 };
  return Buffer.concat(
    [...string.matchAll(/\\([0-9a-fA-F]{2}|.)|[^\\]+/gs)].map(([text, code]) => {
      if (code === undefined) return Buffer.from(text, "utf8");
      return Buffer.from([letters[code] ?? Number.parseInt(code, 16)]);
    }),
  );
}

const escaped = (/** @type {Buffer} */ bytes) => bytes.toString("hex").replace(/../g, "\\$&");

/** @param {string[]} paths and flags */
function main([linkedPath, modulePath, secondPath, ...optimisations]) {
  const linked = readLinked(linkedPath);
  const told = toMove(linked);
  const listing = `${modulePath}.wat`;
  tool("wasm-dis", modulePath, "-o", listing);
  const whole = readForms(readFileSync(listing, "utf8"));
  checkData(linked.segments, whole.forms.filter((form) => form.startsWith(" (data ")).map(readData));
  const halves = split(whole, told);
  checkCalls(halves.first, (name) => FIRST.has(name) || GLUE.test(name), halves.gone, ONLY_LATER);
  const [first, second] = [halves.first, halves.second].map((forms, at) => {
    const path = `${modulePath}.${at}`;
    writeFileSync(listing, `(module\n${forms.join("\n")}\n)\n`);
    tool("wasm-opt", ...whole.features, ...optimisations, listing, "-o", path);
    return path;
  });
  rmSync(listing);
  checkLinks(readFileSync(first), readFileSync(second), FROM);
  renameSync(first, modulePath);
  renameSync(second, secondPath);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(`wasm: the inspector's module stays whole: ${error.stderr || error.message}`);
    process.exitCode = 1;
  }
}
