// @ts-check
// What one window keeps for itself. A window that another one opens begins with a copy of that one's `sessionStorage`;
// its name is its own, and stays through reloads.

/** Names of windows that our pages opened begin so. */
const OURS = "framescope window ";

/** Whether one of our pages opened this window, as one of several. */
export function isOpenedWindow() {
  return window.name.startsWith(OURS);
}

/**
 * A name that no window has yet.
 *
 * @returns {string}
 */
export function newWindowName() {
  return OURS + Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");
}

/**
 * Under which key this window keeps something in `sessionStorage`.
 *
 * @param {string} key
 * @returns {string}
 */
export function tabKey(key) {
  return isOpenedWindow() ? `${key} ${window.name}` : key;
}
