// The package under Node: the same module as in a page, read from the disk and running at once.

import { readFileSync } from "node:fs";
import { initSync } from "./framescope_wasm.js";

initSync({ module: readFileSync(new URL("framescope_wasm_bg.wasm", import.meta.url)) });

// In a page the default export has to be awaited first; here it does nothing more.
export * from "./framescope_wasm.js";
export { default } from "./framescope_wasm.js";
