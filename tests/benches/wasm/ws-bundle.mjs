// The receiver inside npm `ws` for a page: its own files unchanged, in a loader for `require`, over as much of Node as they touch.
// What stands in for Node does less than Node, so it costs `ws` nothing.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** `require`, of what the browser tests have installed. */
export const tests = createRequire(new URL("../../browser/package.json", import.meta.url));
const FOLDER = join(dirname(tests.resolve("ws/package.json")), "lib");

const NODE = `
class Buffer extends Uint8Array {
  static alloc(length) { return new Buffer(length); }
  static allocUnsafe(length) { return new Buffer(length); }
  static from(bytes) { return new Buffer(bytes); }
  static concat(list, total) {
    const all = new Buffer(total);
    let at = 0;
    for (const bytes of list) { all.set(bytes, at); at += bytes.length; }
    return all;
  }
  readUInt16BE(at) { return (this[at] << 8) | this[at + 1]; }
  readUInt32BE(at) { return ((this[at] << 24) | (this[at + 1] << 16) | (this[at + 2] << 8) | this[at + 3]) >>> 0; }
}
class Writable {
  #listeners = new Map();
  on(name, listener) { this.#listeners.set(name, listener); return this; }
  emit(name, ...args) { this.#listeners.get(name)?.(...args); }
  write(bytes) {
    this._write(new Buffer(bytes.buffer, bytes.byteOffset, bytes.length), "buffer", (error) => { if (error) throw error; });
  }
}
const process = { env: { WS_NO_BUFFER_UTIL: "1", WS_NO_UTF_8_VALIDATE: "1" } };
const node = { stream: { Writable }, buffer: { Buffer }, http: {}, zlib: {} };
`;

/** An ES module whose default export is the class. */
export function bundleReceiver() {
  const files = new Map();
  collect("receiver.js", files);
  const modules = [...files].map(
    ([name, source]) => `${JSON.stringify(name)}(module, exports, require) {\n${source}\n}`,
  );
  return `${NODE}
const modules = {${modules.join(",\n")}};
const loaded = {};
function require(name) {
  if (name in node) return node[name];
  const file = name.replace("./", "").replace(/(\\.js)?$/, ".js");
  if (!(file in loaded)) {
    const module = { exports: {} };
    loaded[file] = module;
    modules[file](module, module.exports, require);
  }
  return loaded[file].exports;
}
export default require("./receiver");
`;
}

function collect(name, files) {
  if (files.has(name)) return;
  const source = readFileSync(join(FOLDER, name), "utf8");
  files.set(name, source);
  for (const [, required] of source.matchAll(/require\('\.\/([\w-]+)'\)/g)) collect(`${required}.js`, files);
}
