// @ts-check
// Which server, by which client: two choosers that chat and ping-pong share. A link can make the choice, `?server=` and
// `?client=`; else it is as it was in this window, or when last made anywhere.

import { ask } from "./ask.js";
import { byId, el, on } from "./dom.js";
import { backOff, endpoint } from "./socket.js";
import { tabKey } from "./tab.js";

/** @typedef {"wasm" | "browser"} Client */

/**
 * @typedef {object} Server
 * @property {string} name
 * @property {string | null} url null for the one that this page is from
 * @property {boolean} isListed whether pages may reach it, as far as is known
 */

/** @typedef {{ server: Server, client: Client }} Choice */

/** @type {Server} */
export const OWN = { name: "Framescope", url: null, isListed: true };

/** @type {Record<Client, string>} */
export const CLIENTS = { wasm: "Framescope client (wasm)", browser: "browser" };

const KEY = `framescope.choice ${location.pathname}`;

/** @param {string | null | undefined} value @returns {Client | null} */
function asClient(value) {
  return value === "wasm" || value === "browser" ? value : null;
}

/**
 * Where to connect.
 *
 * @param {Choice} choice
 * @param {string} path on our own server; of another, the operator's list says the whole address
 * @returns {string | null} null for a server that nobody here knows
 */
export function addressOf({ server }, path) {
  return server === OWN ? endpoint(path) : server.url;
}

/**
 * Why nothing can be reached where `addressOf` knows no address.
 *
 * @param {Server} server
 */
export function unlistedWords({ name }) {
  return `“${name}” is not on the list of servers that this page may reach. Whoever runs Framescope puts it there with --tunnel-to.`;
}

/**
 * Fills the page's choosers, `#server` and `#client`, and says below them, in `#choice-note`, what they mean together.
 *
 * @param {object} wishes
 * @param {Client} wishes.usual the client, if nobody has chosen yet
 * @param {(choice: Choice) => void} wishes.changed the user chose otherwise
 * @param {AbortSignal} wishes.signal
 */
export function openChoice({ usual, changed, signal }) {
  const query = new URLSearchParams(location.search);
  const kept = { ...read(storageOf("localStorage"), KEY), ...read(storageOf("sessionStorage"), tabKey(KEY)) };
  const server = byId("server", HTMLSelectElement);
  const client = byId("client", HTMLSelectElement);
  const state = {
    servers: [OWN],
    isKnown: false,
    // A link to a room without a server means ours, whatever was chosen last.
    server: query.get("server") ?? (query.has("room") ? OWN.name : (kept.server ?? OWN.name)),
    client: asClient(query.get("client")) ?? asClient(kept.client) ?? usual,
    /** What stands in the address. */
    shows: { server: query.has("server"), client: query.has("client") },
  };

  /** @returns {Server} */
  const chosen = () => state.servers.find(({ name }) => name === state.server) ?? stranger(state.server);

  const controls = {
    /** @returns {Choice} */
    get value() {
      return { server: chosen(), client: state.client };
    },

    /** Whether `value` will stay what it is until the user chooses: the servers' addresses are asked for. */
    get isKnown() {
      return state.isKnown || state.server === OWN.name;
    },

    /** Resolves when `isKnown`. @type {Promise<void>} */
    ready: Promise.resolve(),

    /**
     * Chooses as the user would.
     *
     * @param {{ server?: string, client?: Client }} wanted
     */
    choose(wanted) {
      Object.assign(state, wanted);
      for (const one of /** @type {const} */ (["server", "client"]))
        if (wanted[one] !== undefined) state.shows[one] = true;
      const made = { server: state.server, client: state.client };
      write(storageOf("localStorage"), KEY, made);
      write(storageOf("sessionStorage"), tabKey(KEY), made);
      const rest = new URLSearchParams(location.search);
      for (const one of ["server", "client"]) rest.delete(one);
      history.replaceState(null, "", controls.address(Object.fromEntries(rest)));
      render();
      changed(controls.value);
    },

    /**
     * This page's address with the choice in it, as far as it was made by hand or is not what everybody gets.
     *
     * @param {Record<string, string>} [more] further parts of the query
     * @param {{ isWhole?: boolean }} [wishes] `isWhole`: all of the choice is in it
     */
    address(more = {}, { isWhole = false } = {}) {
      const parts = new URLSearchParams(more);
      if (isWhole || state.shows.server || state.server !== OWN.name) parts.set("server", state.server);
      if (isWhole || state.shows.client) parts.set("client", state.client);
      return location.pathname + (parts.size > 0 ? `?${parts}` : "");
    },
  };

  on(server, "change", () => controls.choose({ server: server.value }), signal);
  on(client, "change", () => controls.choose({ client: asClient(client.value) ?? usual }), signal);
  controls.ready = learn();
  render();
  return controls;

  async function learn() {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const { isOk, status, json } = await ask("/api/servers", { signal });
      if (isOk) state.servers = [OWN, ...listed(json)];
      // Other people's pages may stand before a server that has no such list.
      if (isOk || (status >= 400 && status < 500)) break;
      await new Promise((resolve) => setTimeout(resolve, backOff(attempt)));
    }
    state.isKnown = true;
    // What was remembered and is no more is not worth a complaint; what a link names is.
    if (!chosen().isListed && !state.shows.server) state.server = OWN.name;
    render();
  }

  function render() {
    const { value } = controls;
    const names = state.servers.map(({ name }) => name);
    if (!names.includes(state.server)) names.push(state.server);
    const key = JSON.stringify([names, state.isKnown]);
    if (server.dataset.key !== key) {
      server.dataset.key = key;
      const isStrange = (/** @type {string} */ name) =>
        state.isKnown && !state.servers.some((one) => one.name === name);
      server.replaceChildren(
        ...names.map((name) => el("option", { value: name }, isStrange(name) ? `${name} (not listed)` : name)),
      );
    }
    server.value = state.server;
    client.value = state.client;
    const note = byId("choice-note", HTMLElement);
    const words = controls.isKnown ? meaning(value) : "Asking for the list of servers.";
    if (note.textContent !== words) note.textContent = words;
  }
}

/** @typedef {ReturnType<typeof openChoice>} Chooser */

/** @param {Choice} choice */
function meaning({ server, client }) {
  const who = client === "wasm" ? "A whole client in this page, the codec in wasm" : "The browser’s own WebSocket";
  if (server === OWN)
    return `${who}, ${client === "wasm" ? "through this server’s tunnel, back to itself" : "to this server"}.`;
  if (server.url === null) return `No server here is called “${server.name}”.`;
  return `${who}, ${client === "wasm" ? "through this server’s tunnel, " : ""}to ${server.url}.`;
}

/** A server that a link names and no list: by its address it can at least be tried. @param {string} name @returns {Server} */
function stranger(name) {
  const isAddress = /^wss?:\/\//.test(name) && URL.canParse(name);
  return { name, url: isAddress ? name : null, isListed: false };
}

/** @param {unknown} json @returns {Server[]} */
function listed(json) {
  // The cast: the server's own list.
  const { servers } = /** @type {{ servers: { name: string, url: string }[] }} */ (json);
  return servers.filter(({ name }) => name !== OWN.name).map(({ name, url }) => ({ name, url, isListed: true }));
}

/** @param {"localStorage" | "sessionStorage"} kind */
function storageOf(kind) {
  try {
    return window[kind];
  } catch {
    // A browser that keeps nothing for us.
    return null;
  }
}

/** @param {Storage | null} storage @param {string} key @returns {{ server?: string, client?: string }} */
function read(storage, key) {
  try {
    const { server, client } = JSON.parse(storage?.getItem(key) ?? "{}");
    return { ...(typeof server === "string" && { server }), ...(typeof client === "string" && { client }) };
  } catch {
    return {};
  }
}

/** @param {Storage | null} storage @param {string} key @param {object} value */
function write(storage, key, value) {
  try {
    storage?.setItem(key, JSON.stringify(value));
  } catch {
    // Full: then it is not remembered.
  }
}
