// Whether a module split in two can work, from what came of it alone: should the tools' ways have changed, so that what was
// gone by does not hold any more, one of these throws.

/**
 * Constants are where the linker put them: wasm-bindgen moves none. What was zeroed since, checksums' tables, may be.
 *
 * @param {{ address: number, bytes: Buffer }[]} linked
 * @param {{ address: number, bytes: Buffer }[]} module
 */
export function checkData(linked, module) {
  const [before, now] = [image(linked), image(module)];
  if (before.length !== now.length || !now.every((byte, at) => byte === before[at] || byte === 0))
    throw new Error("wasm-bindgen moved the constants");
}

/** Memory as data segments make it. */
function image(/** @type {{ address: number, bytes: Buffer }[]} */ segments) {
  const memory = new Uint8Array(Math.max(0, ...segments.map(({ address, bytes }) => address + bytes.length)));
  for (const { address, bytes } of segments) memory.set(bytes, address);
  return memory.subarray(0, memory.findLastIndex((byte) => byte !== 0) + 1);
}

const NAME = String.raw`\$(?:"[^"]*"|[^\s()"]+)`;
const CALL = new RegExp(String.raw`\((?:call|return_call) (${NAME})`, "g");

/**
 * What the first half's exports call, and what that calls, leads into the second half only where it is known not to be run
 * before that is there.
 *
 * @param {string[]} forms of the first half
 * @param {(name: string) => boolean} isFirst whether JavaScript may call an export before the second half is there
 * @param {Set<string>} gone functions of the second half
 * @param {RegExp} onlyLater
 */
export function checkCalls(forms, isFirst, gone, onlyLater) {
  if (gone.size === 0) throw new Error("nothing in it is known by name");
  const bodies = new Map(
    forms.flatMap((form) => {
      const name = new RegExp(String.raw`^ \(func (${NAME})`).exec(form)?.[1];
      return name === undefined ? [] : [[name, form]];
    }),
  );
  const reached = new Set(
    forms.flatMap((form) => {
      const [, name, called] = new RegExp(String.raw`^ \(export "([^"]*)" \(func (${NAME})\)`).exec(form) ?? [];
      return name !== undefined && isFirst(name) ? [called] : [];
    }),
  );
  for (const name of reached) {
    if (!gone.has(name)) for (const [, called] of (bodies.get(name) ?? "").matchAll(CALL)) reached.add(called);
    else if (!onlyLater.test(name)) throw new Error(`the first half needs ${name}`);
  }
}

/**
 * The second half finds all that it imports in the first, and both are valid.
 *
 * @param {Buffer} first
 * @param {Buffer} second
 * @param {string} from
 */
export function checkLinks(first, second, from) {
  const module = new WebAssembly.Module(first);
  /** @type {WebAssembly.Imports} */
  const imports = {};
  for (const { module: of, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function") throw new Error(`the first half imports a ${kind}`);
    imports[of] ??= {};
    imports[of][name] = () => 0;
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  // The cast: what a module exports another may import.
  const links = /** @type {WebAssembly.ModuleImports} */ (/** @type {unknown} */ (exports));
  new WebAssembly.Instance(new WebAssembly.Module(second), { [from]: links });
}
