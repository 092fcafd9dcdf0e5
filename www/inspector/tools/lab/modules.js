// @ts-check
// What the lab needs of the wasm module in the page itself: what makes, reads and explains frames. Loaded when the first
// tool of the lab is opened.

import { loadClient } from "../../../lib/wasm.js";

/** @typedef {Awaited<ReturnType<typeof loadClient>>} Modules */

/** @type {Promise<Modules> | null} */
let loading = null;

/** @returns {Promise<Modules>} */
export function theModules() {
  loading ??= loadClient().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}
