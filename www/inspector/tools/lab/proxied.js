// @ts-check
// Whether the page is a proxy's own, where there is no tunnel, but connections of others to put frames into.

import { ask } from "../../../lib/ask.js";

/** @returns {Promise<boolean>} */
export async function isProxied() {
  const { isOk, json } = await ask("/api/operator");
  return isOk && typeof json === "object" && json !== null && "intercepts" in json && json.intercepts === true;
}
