// @ts-check
// What the page says of connections and round trips, in sentences. No DOM.

/** @import { Choice } from "../lib/choice.js" */
/** @import { Ending } from "../lib/client-socket.js" */
/** @import { Ping } from "./rally.js" */

/** As the codec has them; it is not loaded for the browser’s client. */
const CODES = new Map([
  [1000, "normal closure"],
  [1001, "going away"],
  [1002, "protocol error"],
  [1003, "unsupported data"],
  [1005, "no status received"],
  [1006, "abnormal closure"],
  [1007, "invalid payload data"],
  [1008, "policy violation"],
  [1009, "message too big"],
  [1010, "mandatory extension"],
  [1011, "internal error"],
  [1012, "service restart"],
  [1013, "try again later"],
]);

/**
 * How a connection ended: `Code 1000, normal closure.`
 *
 * @param {Ending} ending
 */
export function endingWords({ code, reason, words }) {
  const name = CODES.get(code);
  const said = reason === "" ? "" : `, “${reason}”`;
  return `Code ${code}${name ? `, ${name}` : ""}${said}.${words ? ` ${words}` : ""}`;
}

/** @param {string} server @param {Ending} ending */
export function lossTitle(server, { code }) {
  if (!navigator.onLine) return "You are offline.";
  return code === 1001 || code === 1012 ? `${server} is going away.` : `The connection to ${server} was lost.`;
}

/**
 * Why there is no connection, where the client was not told: a browser keeps that from pages.
 *
 * @param {Choice} choice
 * @param {Ending} ending
 */
export function refusalWords({ server, client }, { words, code, reason }) {
  if (words) return words;
  if (reason !== "") return `${server.name} refused the connection: code ${code}, “${reason}”.`;
  return client === "browser"
    ? `No connection to ${server.name}. A browser does not tell a page why: it may not run, or refuse this page. Framescope’s own client says more.`
    : `No connection to ${server.name}.`;
}

/** @param {number | null | undefined} milliseconds */
export function time(milliseconds) {
  if (milliseconds === undefined || milliseconds === null) return "";
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : milliseconds < 1000 ? 1 : 0)}\u00A0ms`;
}

/**
 * The chart in words.
 *
 * @param {Ping[]} pings those in it
 * @param {string} noun
 */
export function tripsWords(pings, noun) {
  const trips = pings.flatMap(({ trip }) => (trip === null ? [] : [trip])).toSorted((one, other) => one - other);
  const missed = pings.filter(({ state }) => state === "unanswered").length;
  const last = pings.length === 1 ? `One ${noun}` : `The last ${pings.length} ${noun}s`;
  if (trips.length === 0) return `${last}: no answer${missed > 0 ? `, ${missed} unanswered` : " yet"}.`;
  const range = trips.length === 1 ? time(trips[0]) : `${time(trips[0])} to ${time(trips.at(-1))}`;
  const median = trips.length === 1 ? "" : `, half of them within ${time(trips[Math.floor((trips.length - 1) / 2)])}`;
  return `${last}: ${range}${median}${missed > 0 ? `; ${missed} unanswered, as crosses` : ""}.`;
}
