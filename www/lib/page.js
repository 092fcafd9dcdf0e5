// @ts-check
// What every page begins with: who is signed in, told in the masthead and to whoever needs to know.

import { ask } from "./ask.js";
import { hideBanner, showBanner } from "./banner.js";
import { el } from "./dom.js";
import { backOff } from "./socket.js";
import { avatar } from "./text.js";

export { hideBanner, showBanner };

/**
 * @typedef {object} User
 * @property {number} id
 * @property {string} username
 */

/** Under which name other tabs hear who is signed in. */
const KNOWN = "framescope.user";

/** Nobody is asked to come back to these after signing in. */
const NO_RETURN = ["/login", "/register", "/logout"];

/** `undefined` until the server has said. @type {User | null | undefined} */
let user;
let needsUser = false;
/** @type {Set<(user: User | null) => void>} */
const listeners = new Set();
/** @type {Promise<void> | undefined} */
let asking;
let attempt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Fills the masthead with who is signed in. Resolves as soon as the server has said so; a page that needs
 * no user also starts without an answer, and hears of it later through `onUser`.
 *
 * @param {{ needsUser?: boolean }} [wishes] `needsUser`: a guest is sent to sign in, and back afterwards
 * @returns {Promise<{ user: User | null }>} never resolves for a guest on a page that needs a user
 */
export async function startPage(wishes = {}) {
  needsUser = wishes.needsUser ?? false;
  renderAccount(remembered());
  listen();
  await refreshUser();
  while (needsUser && !user) await new Promise((resolve) => listeners.add(resolve));
  return { user: user ?? null };
}

/**
 * Who is signed in: `undefined` while the server has not said.
 *
 * @returns {User | null | undefined}
 */
export function currentUser() {
  return user;
}

/**
 * Hears when the page begins to know who is signed in, and whenever that changes: signing in or out in another tab counts.
 *
 * @param {(user: User | null) => void} listener
 * @param {AbortSignal} [signal]
 */
export function onUser(listener, signal) {
  listeners.add(listener);
  signal?.addEventListener("abort", () => listeners.delete(listener));
}

/** Asks the server again who is signed in. Resolves when it answered, or did not. */
export function refreshUser() {
  asking ??= askUser().finally(() => {
    asking = undefined;
  });
  return asking;
}

async function askUser() {
  clearTimeout(timer);
  timer = undefined;
  const { status, isOk, json } = await ask("/api/users/@me");
  // 404: a server with other pages than ours, or none of this; there everybody is a guest.
  const isAnswer = isOk || status === 401 || status === 404;
  if (!isAnswer) {
    const wait = backOff(attempt);
    attempt += 1;
    timer = setTimeout(refreshUser, wait);
    const retry = () => void refreshUser();
    showBanner("user", { title: trouble(status), retryAt: Date.now() + wait, retry });
    return;
  }
  attempt = 0;
  hideBanner("user");
  become(isOk ? asUser(json) : null);
}

/**
 * In words, why the server did not do what it was asked.
 *
 * @param {number} status
 */
export function trouble(status) {
  if (status !== 0) return "The server has trouble answering.";
  return navigator.onLine ? "The server does not answer." : "You are offline.";
}

/** @param {unknown} json @returns {User | null} */
function asUser(json) {
  if (typeof json !== "object" || json === null || !("id" in json) || !("username" in json)) return null;
  const { id, username } = json;
  return typeof id === "number" && typeof username === "string" ? { id, username } : null;
}

/** @param {User | null} now */
function become(now) {
  const before = user;
  user = now;
  renderAccount(now?.username ?? "");
  remember(now?.username ?? "");
  if (!now && needsUser) {
    location.replace(loginAddress());
    return;
  }
  // What such a page holds belongs to the user it was made for.
  if (before && now && needsUser && before.id !== now.id) {
    location.reload();
    return;
  }
  if (before === undefined || before?.id !== now?.id) for (const listener of [...listeners]) listener(now);
}

/** Signing in or out in another tab, and a page that comes back from the browser's memory. */
let isListening = false;
function listen() {
  if (isListening) return;
  isListening = true;
  addEventListener("storage", (event) => {
    if (event.key === KNOWN || event.key === null) void refreshUser();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) void refreshUser();
  });
  addEventListener("online", () => {
    if (timer !== undefined) void refreshUser();
  });
}

/** The name that was signed in last time, so that the masthead need not wait; "" for nobody, null for unknown. */
function remembered() {
  try {
    return localStorage.getItem(KNOWN);
  } catch {
    // A browser that keeps nothing for us.
    return null;
  }
}

/** @param {string} name */
function remember(name) {
  try {
    if (localStorage.getItem(KNOWN) !== name) localStorage.setItem(KNOWN, name);
  } catch {
    // As above: then other tabs hear of it later.
  }
}

/** @param {string | null} name */
function renderAccount(name) {
  const account = document.getElementById("account");
  if (!account || name === null) return;
  const key = name === "" ? "guest" : `user ${name}`;
  if (account.dataset.shown === key) return;
  account.dataset.shown = key;
  account.dataset.state = "known";
  account.replaceChildren(...(name === "" ? guestLinks() : userLinks(name)));
}

function guestLinks() {
  const next = returnQuery();
  return [place(`/login${next}`, "Sign in"), place(`/register${next}`, "Register")];
}

/** @param {string} name */
function userLinks(name) {
  const link = place("/account", "");
  link.classList.add("account-link");
  link.title = `Signed in as ${name}`;
  link.append(avatar(name), el("bdi", { class: "account-name" }, name));
  return [link, place("/logout", "Sign out")];
}

/** @param {string} href @param {string} words */
function place(href, words) {
  const isHere = new URL(href, location.href).pathname === location.pathname;
  return el("a", { class: "place", href, "aria-current": isHere ? "page" : null }, words);
}

/** The address of the login page, with the way back to this one. */
export function loginAddress() {
  return `/login${returnQuery()}`;
}

function returnQuery() {
  const kept = new URLSearchParams(location.search).get("next");
  const here = location.pathname + location.search + location.hash;
  const next = NO_RETURN.includes(location.pathname) ? kept : location.pathname === "/" ? null : here;
  return next ? `?${new URLSearchParams({ next })}` : "";
}

/**
 * Where `next` in a query leads, if that is a page of ours: a whole address, because a path like `//host` would be
 * another site's. Anything else leads home.
 *
 * @param {string} query
 * @returns {string}
 */
export function nextAddress(query) {
  const next = new URLSearchParams(query).get("next");
  const home = new URL("/", location.origin).href;
  if (!next?.startsWith("/") || !URL.canParse(next, location.origin)) return home;
  const address = new URL(next, location.origin);
  return address.origin === location.origin && !NO_RETURN.includes(address.pathname) ? address.href : home;
}
