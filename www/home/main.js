// @ts-check
// The home page: is the server well, who is online, and one frame's first bytes as a taste.
//
// It asks over HTTP, not over `/websocket`: that begins with the whole drawing board, which nobody wants here.

import { ask } from "../lib/ask.js";
import { hideBanner, showBanner } from "../lib/banner.js";
import { byId, el, on, setText } from "../lib/dom.js";
import { currentUser, onUser, startPage, trouble } from "../lib/page.js";
import { backOff } from "../lib/socket.js";
import { avatar, counted } from "../lib/text.js";

/** The fields of the two bytes 81 85, each with its name and bits. */
const SPECIMEN = [
  ["fin", "FIN", "1"],
  ["rsv1", "RSV1", "0"],
  ["rsv2", "RSV2", "0"],
  ["rsv3", "RSV3", "0"],
  ["opcode", "opcode: text", "0001"],
  ["mask", "MASK", "1"],
  ["payload-length", "length: 5", "0000101"],
];

/** How often to ask, in milliseconds. */
const EVERY = 4_000;
/** Names shown before somebody asks for all of them. */
const FEW = 24;

const state = {
  /** @type {"asking" | "well" | "lost"} */
  health: "asking",
  /** Who is online; `null` where the server does not tell. @type {string[] | null} */
  names: null,
  showsAll: false,
  /** Questions in a row that had no answer. */
  failures: 0,
};
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** A question is on its way. */
let isAsking = false;

const all = byId("online-all", HTMLButtonElement);

drawSpecimen();
on(all, "click", () => {
  state.showsAll = !state.showsAll;
  render();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") void askWhoIsOnline();
  else clearTimeout(timer);
});
addEventListener("online", () => void askWhoIsOnline());
onUser(render);
void startPage();
await askWhoIsOnline();

async function askWhoIsOnline() {
  if (isAsking) return;
  isAsking = true;
  clearTimeout(timer);
  const reply = await ask("/api/users/online");
  isAsking = false;
  const wait = reply.isOk ? heard(reply.json) : failed(reply.status);
  render();
  if (document.visibilityState === "visible") timer = setTimeout(askWhoIsOnline, wait);
}

/** @param {unknown} json */
function heard(json) {
  state.failures = 0;
  state.health = "well";
  hideBanner("home");
  // The cast: the server's own list.
  const { users } = /** @type {{ users: { username: string }[] }} */ (json);
  state.names = users.map(({ username }) => username);
  return EVERY;
}

/** @param {number} status */
function failed(status) {
  const wait = backOff(state.failures);
  state.failures += 1;
  // What is not lost is not worth a banner: a page asks again in a moment.
  const isLost = status === 0 || status >= 500;
  state.health = isLost ? "lost" : "well";
  const retry = () => void askWhoIsOnline();
  if (isLost) showBanner("home", { title: trouble(status), retryAt: Date.now() + wait, retry });
  else hideBanner("home");
  return isLost ? wait : Math.max(wait, EVERY);
}

function render() {
  byId("health", HTMLElement).dataset.state = { asking: "trying", well: "live", lost: "lost" }[state.health];
  setText(
    "health-text",
    { asking: "Asking the server", well: "Server is well", lost: "Server does not answer" }[state.health],
  );
  if (state.health !== "asking") renderOnline(state.names ?? []);
}

/** @param {string[]} names */
function renderOnline(names) {
  const list = byId("online", HTMLElement);
  const shown = state.showsAll ? names : names.slice(0, FEW);
  const me = currentUser()?.username;
  list.setAttribute("aria-busy", "false");
  list.hidden = shown.length === 0;
  // Only what changed: a name somebody reads or has selected stays where it is.
  const key = JSON.stringify([shown, me]);
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...shown.map((name) => person(name, name === me)));
  }
  setText("online-count", names.length > 0 ? counted(names.length, "person", "people") : "");
  setText("online-note", note(names));
  all.hidden = names.length <= FEW;
  all.setAttribute("aria-expanded", String(state.showsAll));
  setText(all.id, state.showsAll ? "Show fewer" : `and ${counted(names.length - FEW, "more", "more")}: show all`);
}

/** @param {string} name @param {boolean} isMe */
function person(name, isMe) {
  return el(
    "li",
    { class: "person" },
    avatar(name),
    el("bdi", { class: "clip" }, name),
    isMe ? el("span", { class: "note" }, "(you)") : null,
  );
}

/** @param {string[]} names */
function note(names) {
  if (state.health === "lost")
    return state.names === null
      ? "Nobody knows: the server does not answer."
      : "This was so when the server last answered.";
  if (state.names === null) return "The server does not tell.";
  const isGuest = currentUser() === null;
  if (names.length === 0)
    return isGuest
      ? "Nobody who is signed in. Guests draw and chat without being listed."
      : "Nobody is drawing, writing or calling just now.";
  return isGuest ? "You are here as a guest, which is enough for drawing and chat rooms." : "";
}

function drawSpecimen() {
  let column = 1;
  /** @type {HTMLElement[]} */
  const parts = [];
  for (const [field = "", name = "", bits = ""] of SPECIMEN) {
    const from = column;
    for (const bit of bits) {
      const cell = el("span", { class: "bit", "data-field": field }, bit);
      cell.style.gridColumn = String(column);
      parts.push(cell);
      // The ninth column is the space between the bytes.
      column += column === 8 ? 2 : 1;
    }
    const label = el(
      "span",
      { class: bits.length === 1 ? "bit-name bit-name-single" : "bit-name", "data-field": field },
      name,
    );
    label.style.gridColumn = `${from} / ${column === 10 && from < 9 ? 9 : column}`;
    parts.push(label);
  }
  byId("specimen", HTMLElement).replaceChildren(...parts);
}
