// @ts-check
// A page's connection to the apps: it comes back by itself, and what must not be lost is sent until the server has it.

import { hideBanner, showBanner } from "./banner.js";
import { currentUser, onUser, refreshUser } from "./page.js";
import { keep, newId, newPending, takeKept } from "./pending.js";
import { backOff, endpoint, lossWords } from "./socket.js";
import { tabKey } from "./tab.js";
import { counted } from "./text.js";

/** @import { Pending } from "./pending.js" */
/** @import { Heard, Said, Storable } from "./protocol.js" */

/**
 * @typedef {"connecting" | "open" | "lost" | "signed-out"} SocketState
 *   `signed-out`: the server ended the login that the connection came with; it comes back as whoever is signed in then
 */

/**
 * @typedef {object} AppHandlers
 * @property {(isAgain: boolean) => void} [open] call `ready()` once stored messages may go out: at once, or after a room was joined again
 * @property {(text: string) => boolean} [text] may take a message before it is read, where reading it here would take too long
 * @property {(message: Heard) => void} message
 * @property {(state: SocketState, waitMs?: number) => void} [state] `waitMs`: until the next try
 */

/**
 * What a connection is made on: a browser's WebSocket, or what can stand in for one.
 *
 * @typedef {object} SocketLike
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage with `data`
 * @property {((event: any) => void) | null} onclose with `code` and `reason`; `words`, where it knows better than these why
 * @property {(text: string) => void} send
 * @property {() => void} close
 * @property {((payload: any) => void) | null} [onpong]
 * @property {() => void} [ping] asks the server for a pong, where that can be done
 */

/** A connection that held this long was a good one: the next loss starts counting from the beginning. */
const GOOD_AFTER = 10_000;
/** Silence after which the server is asked whether it is still there: usually, and with something unanswered. */
const QUIET = 25_000;
const QUIET_WITH_PENDING = 6_000;
/** How long it has to answer that. */
const PATIENCE = 12_000;
/** A blink that nobody has to be told of. */
const GRACE = 700;
/** More than this is not kept: then something is wrong that waiting does not mend. */
const PENDING_MAX = 20_000;
const DOUBTS_MAX = 3;

/**
 * Opens a connection that lasts until `signal` aborts. Call `startPage` first: what was left unsent before a reload goes
 * out only as the user who wrote it.
 *
 * @param {{ path?: string, url?: string, signal?: AbortSignal, kept?: string, noun?: string, server?: string, make?: (url: string) => SocketLike, on: AppHandlers }} wishes
 *   `url`: where to, if that is not `path` on the server that the page is from; `kept`: a sentence for the banner about
 *   what the page does meanwhile; `noun`: what to call a stored message there; `server`: what to call the server;
 *   `make`: what to connect with in place of the browser's WebSocket
 * @returns {AppSocket}
 */
export function connect({
  path = "/websocket",
  url,
  signal,
  kept,
  noun = "message",
  server,
  make = browserSocket,
  on,
}) {
  const words = { kept, noun, server: server ?? "The server" };
  return new AppSocket(path, url ?? null, on, words, make, signal ?? new AbortController().signal);
}

/** @param {string} url @returns {SocketLike} */
function browserSocket(url) {
  return new WebSocket(url);
}

export class AppSocket {
  #path;
  /** If it is not that path on the page's own server. */
  #url;
  #on;
  #words;
  #signal;
  #make;
  /** @type {SocketLike | null} */
  #socket = null;
  /** @type {SocketState} */
  #state = "connecting";
  /** What the page was last told. @type {SocketState | null} */
  #told = null;
  /** Counts connections that opened. */
  #connection = 0;
  #isReady = false;
  #attempt = 0;
  #openedAt = 0;
  #heardAt = 0;
  #hasHeard = false;
  /** When the server was asked whether it is there. @type {number | null} */
  #askedAt = null;
  #question = "";
  /** Since when something is unanswered, as far as the watch has seen. @type {number | null} */
  #waitingSince = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #bannerTimer;
  /** In the order of sending. @type {Map<string, Pending>} */
  #pending = new Map();
  /** @type {Set<(id: string) => void>} */
  #storedListeners = new Set();
  /** @type {Set<(id: string | undefined, error: string) => void>} */
  #refusedListeners = new Set();

  /**
   * @param {string} path
   * @param {string | null} url
   * @param {AppHandlers} on
   * @param {{ kept: string | undefined, noun: string, server: string }} words
   * @param {(url: string) => SocketLike} make
   * @param {AbortSignal} signal
   */
  constructor(path, url, on, words, make, signal) {
    this.#path = path;
    this.#url = url;
    this.#make = make;
    this.#on = on;
    this.#words = words;
    this.#signal = signal;
    for (const item of takeKept(this.#storageKey)) this.#pending.set(item.id, item);
    this.#listen();
    // Later, so that whoever connects holds the result before the first event.
    queueMicrotask(() => {
      if (!signal.aborted && !this.#socket) this.#open();
    });
  }

  /** @returns {SocketState} */
  get state() {
    return this.#state;
  }

  /** How many messages the server has not confirmed. */
  get pending() {
    return this.#pending.size;
  }

  /** Those messages, oldest first; after a reload they are what the page before it left behind. @returns {Storable[]} */
  get unsent() {
    return [...this.#pending.values()].map(({ message }) => message);
  }

  /**
   * Sends now or not at all.
   *
   * @param {Said} message
   * @returns {boolean} false if there is no connection
   */
  send(message) {
    if (this.#state !== "open" || !this.#socket) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /**
   * Sends now or later, and again after a reconnect, until the server has stored it.
   *
   * @param {Storable} message
   * @returns {string} its id
   */
  sendStored(message) {
    const id = message.id ?? newId();
    const item = newPending(id, { ...message, id }, currentUser()?.id ?? null);
    if (this.#pending.size >= PENDING_MAX) {
      queueMicrotask(() => this.#refused(id, "Too much is waiting for the server already."));
      return id;
    }
    this.#pending.set(id, item);
    if (this.#isReady) this.#transmit(item);
    return id;
  }

  /**
   * Sends this message no more. What the server has of it, it keeps.
   *
   * @param {string} id
   */
  forget(id) {
    this.#pending.delete(id);
  }

  /** Lets stored messages out on this connection: those that wait first, in their order. */
  ready() {
    if (this.#state !== "open") return;
    this.#isReady = true;
    for (const item of [...this.#pending.values()]) if (item.connection !== this.#connection) this.#transmit(item);
  }

  /** @param {(id: string) => void} listener */
  onStored(listener) {
    this.#storedListeners.add(listener);
  }

  /**
   * @param {(id: string | undefined, error: string) => void} listener with an id: that message was not and will not
   *   be stored
   */
  onRefused(listener) {
    this.#refusedListeners.add(listener);
  }

  /** Tries now instead of later. */
  retry() {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#open();
  }

  /**
   * Goes on with another kind of socket; what waits to be sent goes out over that.
   *
   * @param {(url: string) => SocketLike} make
   */
  use(make) {
    this.#make = make;
    this.#attempt = 0;
    this.reconnect();
  }

  /** Gives this connection up and opens another. */
  reconnect() {
    this.#detach();
    clearTimeout(this.#timer);
    this.#open();
  }

  #open() {
    this.#timer = undefined;
    if (this.#signal.aborted) return;
    this.#isReady = false;
    this.#become("connecting");
    const socket = this.#make(this.#url ?? endpoint(this.#path));
    this.#socket = socket;
    socket.onopen = () => {
      this.#connection += 1;
      this.#openedAt = this.#heardAt = Date.now();
      this.#askedAt = null;
      this.#hasHeard = false;
      this.#become("open");
      this.#on.open?.(this.#connection > 1);
    };
    socket.onmessage = ({ data }) => this.#heard(data);
    socket.onclose = (event) => this.#closed(event.code, event.reason, event.words);
    if (socket.ping) socket.onpong = () => this.#heardSomething();
  }

  #heardSomething() {
    this.#heardAt = Date.now();
    this.#askedAt = null;
  }

  /** @param {unknown} data */
  #heard(data) {
    this.#heardSomething();
    this.#hasHeard = true;
    if (typeof data === "string" && this.#on.text?.(data)) return;
    const message = typeof data === "string" ? parsed(data) : null;
    if (!message) return;
    const tag = message.messageType ?? message.type;
    if (tag === "stored" && "id" in message && typeof message.id === "string") {
      this.#pending.delete(message.id);
      for (const listener of this.#storedListeners) listener(message.id);
      return;
    }
    if (message.messageType === "echo_server" && message.text === this.#question) return;
    if (message.messageType === "error" || message.type === "error") {
      if (message.id !== undefined && this.#pending.has(message.id)) {
        this.#refused(message.id, message.error);
        return;
      }
      this.#doubt(message.error);
    }
    this.#on.message(message);
  }

  /**
   * An error that names no message may be about any that is on its way. One that was there on several connections is it.
   *
   * @param {string} error
   */
  #doubt(error) {
    for (const item of [...this.#pending.values()]) {
      if (item.connection !== this.#connection || item.doubted === this.#connection) continue;
      item.doubted = this.#connection;
      item.doubts += 1;
      if (item.doubts >= DOUBTS_MAX) this.#refused(item.id, error);
    }
  }

  /** @param {string} id @param {string} error */
  #refused(id, error) {
    this.#pending.delete(id);
    for (const listener of this.#refusedListeners) listener(id, error);
  }

  /** @param {Pending} item */
  #transmit(item) {
    const user = currentUser();
    if (item.owner !== null && item.owner !== user?.id) {
      // Not known yet: it goes out when it is.
      if (user !== undefined) this.#refused(item.id, "It was written by another user of this browser.");
      return;
    }
    item.connection = this.#connection;
    this.#socket?.send(JSON.stringify(item.message));
  }

  /** @param {number} code @param {string} reason @param {string} [words] */
  #closed(code, reason, words) {
    const wasOpen = this.#state === "open";
    this.#detach();
    if (this.#signal.aborted) return;
    if (code === 1008 && /signed out/i.test(reason)) {
      this.#become("signed-out");
      // A page that needs a user goes to sign in from here.
      void refreshUser().then(() => {
        if (this.#state === "signed-out") this.#open();
      });
      return;
    }
    if (wasOpen && Date.now() - this.#openedAt > GOOD_AFTER) this.#attempt = 0;
    const wait = backOff(this.#attempt);
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#open(), wait);
    this.#become("lost", wait, words ?? lossWords(this.#words.server, code, reason, this.#connection > 0));
  }

  /** Lets go of the socket without waiting for its end. */
  #detach() {
    const socket = this.#socket;
    this.#socket = null;
    this.#isReady = false;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.ping) socket.onpong = null;
    socket.close();
  }

  /** @param {SocketState} state @param {number} [wait] @param {string} [title] */
  #become(state, wait, title) {
    this.#state = state;
    if (state === "lost") this.#tellLoss(wait ?? 0, title ?? "");
    if (state === "open") {
      clearTimeout(this.#bannerTimer);
      hideBanner(this.#bannerId);
    }
    if (state !== this.#told || state === "lost") this.#on.state?.(state, wait);
    this.#told = state;
  }

  /** @param {number} wait @param {string} title */
  #tellLoss(wait, title) {
    const retryAt = Date.now() + wait;
    const waiting = this.#pending.size;
    const { kept, noun } = this.#words;
    const text = [kept, waiting > 0 ? `${counted(waiting, noun)} not sent yet.` : null];
    const show = () =>
      showBanner(this.#bannerId, {
        title,
        text: text.filter((part) => part).join(" "),
        retryAt,
        retry: () => this.retry(),
      });
    clearTimeout(this.#bannerTimer);
    if (this.#attempt > 1) show();
    else
      this.#bannerTimer = setTimeout(() => {
        if (this.#state !== "open") show();
      }, GRACE);
  }

  get #bannerId() {
    return `socket ${this.#url ?? this.#path}`;
  }

  #listen() {
    const signal = this.#signal;
    onUser((user) => {
      for (const item of [...this.#pending.values()])
        if (item.owner !== null && item.owner !== user?.id)
          this.#refused(item.id, "It was written by another user of this browser.");
      if (this.#knownUser === undefined) {
        // The first answer: the connection came with the same cookie as the question.
        if (this.#isReady) this.ready();
      } else if (this.#knownUser !== (user?.id ?? null) && this.#state !== "signed-out") this.reconnect();
      this.#knownUser = user?.id ?? null;
    }, signal);
    const watch = setInterval(() => this.#watch(), 2_000);
    // Whoever comes back to the page should not have to wait for it.
    const wake = () => {
      if (document.visibilityState !== "visible") return;
      if (this.#state === "lost") this.retry();
      else this.#askIfThere();
    };
    document.addEventListener("visibilitychange", wake, { signal });
    addEventListener("online", wake, { signal });
    addEventListener("offline", () => this.#askIfThere(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.#comeBack(), { signal });
    addEventListener("pagehide", () => this.#leave(), { signal });
    signal.addEventListener("abort", () => {
      clearInterval(watch);
      clearTimeout(this.#timer);
      clearTimeout(this.#bannerTimer);
      hideBanner(this.#bannerId);
      keep(this.#storageKey, [...this.#pending.values()]);
      this.#detach();
    });
  }

  /** Whose connection it is: `undefined` while nobody has said. */
  #knownUser = currentUser() === undefined ? undefined : (currentUser()?.id ?? null);

  /** A connection can be dead without either end being told; only silence gives it away. */
  #watch() {
    if (this.#state !== "open") return;
    const now = Date.now();
    if (this.#askedAt !== null && now - this.#askedAt > PATIENCE) {
      this.#closed(1006, "");
      return;
    }
    const isWaiting = [...this.#pending.values()].some(({ connection }) => connection === this.#connection);
    if (now - this.#heardAt > (isWaiting ? QUIET_WITH_PENDING : QUIET)) this.#askIfThere();
    if (!isWaiting) this.#waitingSince = null;
    else this.#waitingSince ??= now;
    // Where there is no echo to ask for, only an answer that is due can be missed.
    const silentSince = Math.max(this.#heardAt, this.#waitingSince ?? now);
    if (this.#path !== "/websocket" && now - silentSince > QUIET_WITH_PENDING + PATIENCE) this.#closed(1006, "");
  }

  /** A browser's socket cannot send a ping, but it can have an echo. */
  #askIfThere() {
    // Before its first message a connection may be busy with the whole board.
    if (this.#state !== "open" || this.#askedAt !== null || !this.#hasHeard) return;
    if (document.visibilityState !== "visible") return;
    if (this.#socket?.ping) {
      this.#askedAt = Date.now();
      this.#socket.ping();
      return;
    }
    if (this.#path !== "/websocket") return;
    this.#askedAt = Date.now();
    this.#question = `still there? ${this.#askedAt}`;
    this.send({ messageType: "echo_client", text: this.#question });
  }

  /** The page goes. */
  #leave() {
    keep(this.#storageKey, [...this.#pending.values()]);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#detach();
    this.#state = "connecting";
  }

  #comeBack() {
    takeKept(this.#storageKey);
    if (!this.#socket) this.#open();
  }

  /**
   * One page's messages are not another's: a room is joined before its messages are sent. Nor are one server's, nor those
   * of a window that was opened from this one and began with a copy of what is stored here.
   */
  get #storageKey() {
    return tabKey(`framescope.unsent ${location.pathname} ${this.#url ?? this.#path}`);
  }
}

/** @param {string} data @returns {Heard | null} */
function parsed(data) {
  try {
    const value = JSON.parse(data);
    // The cast: what the server says is checked by its tag where it is used.
    return typeof value === "object" && value !== null ? /** @type {Heard} */ (value) : null;
  } catch {
    return null;
  }
}
