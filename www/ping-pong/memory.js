// @ts-check
// Whether this tab was connected: then a reload connects again.

import { tabKey } from "../lib/tab.js";

const KEY = "framescope.ping-pong.connected";

/** @param {boolean} isUp */
export function rememberConnected(isUp) {
  try {
    if (isUp) sessionStorage.setItem(tabKey(KEY), "yes");
    else sessionStorage.removeItem(tabKey(KEY));
  } catch {
    // A browser that keeps nothing for us.
  }
}

export function wasConnected() {
  try {
    return sessionStorage.getItem(tabKey(KEY)) !== null;
  } catch {
    return false;
  }
}
