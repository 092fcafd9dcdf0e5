// @ts-check
// Finds the codec's wasm modules, or says why they are not there. Works in pages and in workers.

/** What builds them, as typed in the root of the repository: the short way and the plain one; and what tests them. */
export const COMMANDS = {
  make: "make wasm",
  build: "(cd wasm-client && wasm-pack build --target web -d ../www/pkg)",
  test: "(cd wasm-client && wasm-pack test --headless --chrome)",
};

/** The module was never built: the one failure that the reader of the page can mend. */
export class NotBuilt extends Error {
  /** @override */
  name = "NotBuilt";
}

/** What is to be there later could not be loaded; whoever asks again tries again. */
export class NotLoaded extends Error {
  /** @param {string} reason */
  constructor(reason) {
    super(`The rest of the inspector could not be loaded: ${reason}`);
    this.name = "NotLoaded";
  }
}

/**
 * Loads and starts the inspector's module, all of it: captures.
 *
 * @returns {Promise<typeof import("../pkg/framescope_wasm.js")>}
 * @throws {NotBuilt} when the server has no module to give
 */
export async function loadModule() {
  const { module, exports } = await loadFirstHalf();
  await loadSecondHalf(exports);
  return module;
}

/**
 * Loads and starts the first half of the inspector's module, if it was split. What it exports leads to the second.
 *
 * @returns {Promise<{ module: typeof import("../pkg/framescope_wasm.js"), exports: object }>}
 * @throws {NotBuilt} when the server has no module to give
 */
export async function loadFirstHalf() {
  const address = new URL("../pkg/framescope_wasm.js", import.meta.url);
  // Asked for first, because a failed import does not say whether the file was missing or wrong.
  const answer = await fetch(address, { method: "HEAD" });
  if (answer.status === 404) throw new NotBuilt(`no ${address.pathname}`);
  const module = await import("../pkg/framescope_wasm.js");
  return { module, exports: await module.default() };
}

/**
 * Loads the second half of the inspector's module, which puts its functions into the first one's table. A build without
 * wasm-opt makes one whole module, which has no table for others.
 *
 * @param {object} exports of the first half
 * @throws {NotLoaded}
 */
export async function loadSecondHalf(exports) {
  if (!("functions" in exports)) return;
  const answer = await fetch(new URL("../pkg/second_half.wasm", import.meta.url)).catch((error) => {
    throw new NotLoaded(String(error));
  });
  if (!answer.ok) throw new NotLoaded(`the server answered ${answer.status}`);
  // The cast: functions, tables, globals and a memory, as wasm exports them.
  const first = /** @type {WebAssembly.ModuleImports} */ (exports);
  await WebAssembly.instantiateStreaming(answer, { first }).catch((error) => {
    throw new NotLoaded(String(error));
  });
}

/**
 * Loads and starts the client's module: `WebSocketClient`, frames and messages, and what explains a frame. Built by the
 * plain command it is one with the inspector's.
 *
 * @returns {Promise<typeof import("../pkg/client/framescope_wasm.js")>}
 * @throws {NotBuilt} when the server has no module to give
 */
export function loadClient() {
  return loadPart("./client");
}

/**
 * Loads and starts the reader's module: files of any kind as pcapng, and messages in the terms of their subprotocols.
 *
 * @returns {Promise<typeof import("../pkg/reader/framescope_wasm.js")>}
 * @throws {NotBuilt} when the server has no module to give
 */
export function loadReader() {
  return loadPart("./reader");
}

/**
 * Loads and starts the module that holds frames of the page's own client.
 *
 * @returns {Promise<typeof import("../pkg/interception/framescope_wasm.js")>}
 * @throws {NotBuilt} when the server has no module to give
 */
export function loadInterception() {
  return loadPart("./interception");
}

/** @param {string} name as `exports` in package.json has it */
async function loadPart(name) {
  const address = new URL("../pkg/package.json", import.meta.url);
  const answer = await fetch(address);
  if (answer.status === 404) throw new NotBuilt(`no ${address.pathname}`);
  const { exports } = await answer.json();
  const module = await import(new URL(exports?.[name] ?? "./framescope_wasm.js", address).href);
  await module.default();
  return module;
}
