// @ts-check
// What the server has not confirmed, and where that waits when the page goes.

/** @import { Storable } from "./protocol.js" */

/**
 * @typedef {object} Pending
 * @property {string} id
 * @property {Storable} message
 * @property {number | null} owner the user who wrote it; nobody else may send it
 * @property {number} connection the one it went out on last
 * @property {number} doubts on how many connections the server complained of something while this was on its way
 * @property {number} doubted the latest of those
 */

/** @param {string} id @param {Storable} message @param {number | null} owner @returns {Pending} */
export function newPending(id, message, owner) {
  return { id, message, owner, connection: -1, doubts: 0, doubted: -1 };
}

/**
 * Lets it wait in this tab for whoever connects there next.
 *
 * @param {string} key
 * @param {Pending[]} pending
 */
export function keep(key, pending) {
  try {
    const items = pending.map(({ id, message, owner }) => ({ id, message, owner }));
    if (items.length > 0) sessionStorage.setItem(key, JSON.stringify(items));
    else sessionStorage.removeItem(key);
  } catch {
    // Full, or not allowed: then what was not sent is lost with the page.
  }
}

/**
 * What waits there, and from now on no more.
 *
 * @param {string} key
 * @returns {Pending[]}
 */
export function takeKept(key) {
  try {
    const kept = sessionStorage.getItem(key);
    sessionStorage.removeItem(key);
    if (!kept) return [];
    // The cast: nobody but `keep` writes there, and what is not so is an error like any other.
    const items = /** @type {Pick<Pending, "id" | "message" | "owner">[]} */ (JSON.parse(kept));
    return items.map(({ id, message, owner }) => newPending(id, message, owner));
  } catch {
    // Nothing kept, or nothing of use.
    return [];
  }
}

/** `randomUUID` needs a secure context, and a server in the next room has none. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
