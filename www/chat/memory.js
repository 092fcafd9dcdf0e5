// @ts-check
// What outlives the page: under which name one came, which rooms one was in, and, in this tab, which one is in.

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

/** The rooms one was in, the latest first. @returns {string[]} */
export function recentRooms() {
  const kept = parsed(read(localStorageOrNone(), RECENT));
  return Array.isArray(kept) ? kept.filter((room) => typeof room === "string").slice(0, RECENT_MAX) : [];
}

/** @param {string} room @param {string} name */
export function rememberRoom(room, name) {
  const storage = localStorageOrNone();
  write(storage, NAME, name);
  const others = recentRooms().filter((one) => one !== room);
  write(storage, RECENT, JSON.stringify([room, ...others].slice(0, RECENT_MAX)));
}

/** The room this tab was in. @returns {Here | null} */
export function here() {
  const kept = parsed(read(sessionStorageOrNone(), HERE));
  if (typeof kept !== "object" || kept === null) return null;
  const { room, name, written } = /** @type {Partial<Here>} the cast: each is looked at */ (kept);
  if (typeof room !== "string" || typeof name !== "string") return null;
  return { room, name, written: typeof written === "number" ? written : 0 };
}

/** @param {Here | null} room */
export function rememberHere(room) {
  const storage = sessionStorageOrNone();
  if (room) write(storage, HERE, JSON.stringify(room));
  else storage?.removeItem(HERE);
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
