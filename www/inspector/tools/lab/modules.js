// @ts-check
// The two halves of the wasm module that the lab needs in the page itself: what makes and reads frames, and what
// explains them. Loaded when the first tool of the lab is opened.

import * as wasm from "../../../lib/wasm.js";

/** @typedef {typeof import("../../../pkg/framescope_wasm.js")} Whole */
/** @typedef {Pick<Whole, "AnswerReader" | "WebSocketClient" | "WebSocketFrame" | "deflate" | "dissect" | "explain">} Modules */

/** @type {Promise<Modules> | null} */
let loading = null;

/** @returns {Promise<Modules>} */
export function theModules() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load() {
  const loadClient = /** @type {{ loadClient?: () => Promise<any> }} */ (wasm).loadClient ?? wasm.loadModule;
  const [client, { explain }] = await Promise.all([loadClient(), wasm.loadModule()]);
  const { AnswerReader, WebSocketClient, WebSocketFrame, deflate, dissect } = client;
  return { AnswerReader, WebSocketClient, WebSocketFrame, deflate, dissect, explain };
}
