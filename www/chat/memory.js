// @ts-check
// What outlives the page: under which name one came, which rooms of a server one was in, and, in this tab, which one is in.

import { OWN } from "../lib/choice.js";
import { tabKey } from "../lib/tab.js";

/** Rooms offered again. */
const RECENT_MAX = 8;

const NAME = "framescope.chat.name";
const RECENT = "framescope.chat.recent";
/** Of this tab: a reload comes back to the room. */
const HERE = "framescope.chat.here";

/** @typedef {{ room: string, name: string, written: number }} Here */

/** The name used last, or "". */
export function lastName() {
  return read(localStorageOrNone(), NAME) ?? "";
}

/** The rooms of a server that one was in, the latest first. @param {string} server @returns {string[]} */
export function recentRooms(server) {
  const kept = parsed(read(localStorageOrNone(), keyAt(server, RECENT)));
  return Array.isArray(kept) ? kept.filter((room) => typeof room === "string").slice(0, RECENT_MAX) : [];
}

/** @param {string} server @param {string} room @param {string} name */
export function rememberRoom(server, room, name) {
  const storage = localStorageOrNone();
  write(storage, NAME, name);
  const others = recentRooms(server).filter((one) => one !== room);
  write(storage, keyAt(server, RECENT), JSON.stringify([room, ...others].slice(0, RECENT_MAX)));
}

/** The room of a server that this tab was in. @param {string} server @returns {Here | null} */
export function here(server) {
  const kept = parsed(read(sessionStorageOrNone(), tabKey(keyAt(server, HERE))));
  if (typeof kept !== "object" || kept === null) return null;
  const { room, name, written } = /** @type {Partial<Here>} the cast: each is looked at */ (kept);
  if (typeof room !== "string" || typeof name !== "string") return null;
  return { room, name, written: typeof written === "number" ? written : 0 };
}

/** @param {string} server @param {Here | null} room */
export function rememberHere(server, room) {
  const storage = sessionStorageOrNone();
  const key = tabKey(keyAt(server, HERE));
  if (room) write(storage, key, JSON.stringify(room));
  else storage?.removeItem(key);
}

/** A room by the same name on another server is another room. @param {string} server @param {string} key */
function keyAt(server, key) {
  return server === OWN.name ? key : `${key} ${server}`;
}

/** @param {Storage | null} storage @param {string} key */
function read(storage, key) {
  return storage?.getItem(key) ?? null;
}

/** @param {Storage | null} storage @param {string} key @param {string} value */
function write(storage, key, value) {
  try {
    storage?.setItem(key, value);
  } catch {
    // Full: then it is not remembered.
  }
}

/** @param {string | null} text @returns {unknown} */
function parsed(text) {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

function localStorageOrNone() {
  try {
    return localStorage;
  } catch {
    // A browser that keeps nothing for us.
    return null;
  }
}

function sessionStorageOrNone() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}
