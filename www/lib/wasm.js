// @ts-check
// Finds the codec's wasm module, or says why it is not there. Works in pages and in workers.

/** What builds the module, as typed in the root of the repository: the short way and the plain one; and what tests it. */
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

/**
 * Loads and starts the module.
 *
 * @returns {Promise<typeof import("../pkg/framescope_wasm.js")>}
 * @throws {NotBuilt} when the server has no module to give
 */
export async function loadModule() {
  const address = new URL("../pkg/framescope_wasm.js", import.meta.url);
  // Asked for first, because a failed import does not say whether the file was missing or wrong.
  const answer = await fetch(address, { method: "HEAD" });
  if (answer.status === 404) throw new NotBuilt(`no ${address.pathname}`);
  const module = await import("../pkg/framescope_wasm.js");
  await module.default();
  return module;
}
