// @ts-check
// The pane of sources: where captures come from, and under each its connections. Choosing a connection lists it alone.

import { byId, el, grouped, on, size } from "../lib/dom.js";
import { both } from "./expressions.js";
import { SIGNS, sentenceOf } from "./findings.js";
import { openMenu } from "./menu.js";
import { count } from "./statusbar.js";

/** @import { ConnectionInfo, SourceInfo } from "./app.js" */
/** @import { Inspector } from "./inspector.js" */

/** The connections are asked for at most this often, in milliseconds. */
const EVERY = 300;

/** Drawing them takes no more than one part in so many of the time. */
const SHARE = 20;

/** So many connections of a source are shown, the newest, until more are wanted. */
const SHOWN = 100;

/** @type {Record<ConnectionInfo["state"], [string, string]>} */
const STATES = {
  opening: ["◌", "opening"],
  open: ["●", "open"],
  closing: ["◐", "closing"],
  closed: ["■", "closed"],
  refused: ["⊘", "refused"],
};

/** @type {Record<string, string>} */
const KINDS = { tap: "live tap", proxy: "proxy", client: "this page’s client", file: "file" };

export class SourcesPane {
  #app;
  #root = byId("sources", HTMLElement);
  #tapState;
  /** @type {ConnectionInfo[]} */
  #connections = [];
  #isAsking = false;
  #isStale = false;
  #askedAt = 0;
  /** Milliseconds that the last drawing took. */
  #cost = 0;
  /** Sources of which all connections are shown. @type {Set<number>} */
  #whole = new Set();
  /** What is drawn, so that it is not drawn again. */
  #drawn = "";
  /** Whether the pointer is down on it: a button that was drawn anew meanwhile would not be clicked. */
  #isPressed = false;
  /** The user wants to say what a stream is. @type {(source: SourceInfo, stream: SourceInfo["unread"][number]) => void} */
  onAssume = () => {};
  /** A proxy that refused its token is to be connected again. @type {(source: number, name: string) => void} */
  onRefused = () => {};
  /** A connection was chosen. */
  onChosen = () => {};

  /** @param {Inspector} app @param {() => string} tapState how the live tap is, in a word */
  constructor(app, tapState) {
    this.#app = app;
    this.#tapState = tapState;
    // Whatever is news of the capture is news of its sources, too.
    app.on("sources", () => {
      this.render();
      void this.#refresh();
    });
    app.on("view", () => this.render());
    on(this.#root, "pointerdown", ({ button }) => button === 0 && this.#press(true), app.signal);
    // The click comes right behind. A release that nobody was told of shows in the next movement.
    for (const sign of /** @type {const} */ (["pointerup", "pointercancel", "pointermove"]))
      on(
        document,
        sign,
        ({ buttons }) => this.#isPressed && buttons === 0 && setTimeout(() => this.#press(false)),
        app.signal,
      );
    on(this.#root, "click", (event) => this.#clicked(event), app.signal);
    on(this.#root, "keydown", (event) => this.#key(event), app.signal);
    on(this.#root, "contextmenu", (event) => this.#menu(event), app.signal);
  }

  /** The connection by this number, as far as it is known. @param {number} number */
  connection(number) {
    return this.#connections.find(({ connection }) => connection === number);
  }

  /** @param {boolean} isPressed */
  #press(isPressed) {
    this.#isPressed = isPressed;
    if (!isPressed) this.render();
  }

  async #refresh() {
    // Out of sight, out of mind: whoever shows the pane says so.
    if (this.#root.offsetParent === null) return;
    if (this.#isAsking) {
      this.#isStale = true;
      return;
    }
    this.#isAsking = true;
    const wait = this.#askedAt + Math.max(EVERY, this.#cost * SHARE) - Date.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    this.#isStale = false;
    this.#askedAt = Date.now();
    try {
      const connections = await this.#app.capture.connections();
      const began = performance.now();
      this.#connections = connections;
      this.render();
      this.#cost = performance.now() - began;
    } finally {
      this.#isAsking = false;
      if (this.#isStale) void this.#refresh();
    }
  }

  render() {
    if (this.#isPressed) return;
    const { sources, view, readings, proxies } = this.#app;
    const key = JSON.stringify([
      sources,
      sources.map(({ source }) => this.#shown(source)),
      view.connection,
      [...readings.values()],
      [...proxies.values()],
      this.#tapState(),
      [...this.#whole],
    ]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const had = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
    const all = el(
      "button",
      {
        class: "source-all",
        type: "button",
        "data-key": "all",
        "data-connection": "",
        "aria-pressed": String(view.connection === null),
      },
      "All connections",
    );
    this.#root.replaceChildren(all, ...sources.map((source) => this.#source(source)));
    // Whoever was on a button that was drawn anew stays on it.
    if (had) {
      const again = this.#root.querySelector(`[data-key="${CSS.escape(had)}"]`);
      if (again instanceof HTMLElement) again.focus({ preventScroll: true });
    }
  }

  /** @param {SourceInfo} source */
  #source(source) {
    const { source: number, kind, name, trouble } = source;
    // What this page sent and what is no WebSocket was meant so: cases of Conformance, frames of the lab.
    const unread = kind === "client" ? [] : source.unread;
    const [shown, older] = this.#shown(number);
    const words = [KINDS[kind] ?? kind, this.#state(source), source.rows > 0 ? count(source.rows, "row") : ""];
    return el(
      "section",
      { class: "source", "aria-label": name },
      el(
        "div",
        { class: "source-head" },
        el("h3", { class: "source-name", title: name }, name),
        this.#isOwnTap(source)
          ? null
          : el(
              "button",
              {
                class: "quiet source-remove",
                type: "button",
                "data-remove": number,
                "data-key": `remove ${number}`,
                "aria-label": `Remove ${name} and its rows`,
              },
              "×",
            ),
      ),
      el("p", { class: "source-words" }, words.filter((word) => word !== "").join(" · ")),
      trouble === null ? null : el("p", { class: "source-trouble" }, `⚠ ${trouble}`),
      ...this.#proxyAgain(source),
      ...unread.map((stream, at) =>
        el(
          "div",
          { class: "source-unread" },
          el(
            "span",
            {},
            `TCP stream ${stream.stream}, ${stream.client} → ${stream.server}, ${size(stream.bytes)}: ${stream.says}`,
          ),
          el(
            "button",
            { type: "button", "data-assume": `${number} ${at}`, "data-key": `assume ${number} ${at}` },
            "Read as WebSocket",
          ),
        ),
      ),
      older > 0
        ? el(
            "button",
            { class: "link source-more", type: "button", "data-more": number, "data-key": `more ${number}` },
            `${grouped(older)} older connections`,
          )
        : null,
      el("ul", { class: "connections" }, ...shown.map((connection) => this.#line(connection))),
    );
  }

  /** Its connections that are shown, and how many are not. @param {number} source @returns {[ConnectionInfo[], number]} */
  #shown(source) {
    const own = this.#connections.filter((connection) => connection.source === source);
    const shown = this.#whole.has(source) ? own : own.slice(-SHOWN);
    return [shown, own.length - shown.length];
  }

  /** Whether it is what the server of this page, or the proxy, shows. @param {Pick<SourceInfo, "source" | "kind">} source */
  #isOwnTap({ source, kind }) {
    return kind === "tap" || (kind === "proxy" && !this.#app.proxies.has(source));
  }

  /** @param {SourceInfo} source */
  #state({ source, kind, format, bytes, done }) {
    if (this.#isOwnTap({ source, kind })) return this.#tapState();
    const proxy = this.#app.proxies.get(source);
    if (proxy) return { opening: "connecting", open: "live", closed: proxy.words }[proxy.state];
    const reading = this.#app.readings.get(source);
    if (reading) {
      const percent = reading.size === 0 ? 100 : Math.floor((100 * reading.read) / reading.size);
      return {
        waiting: "waits",
        reading: `reading, ${percent}\u00A0%`,
        done: `${format}, ${size(reading.size)}`,
        cancelled: `cancelled at ${percent}\u00A0%`,
        failed: `could not be read: ${reading.words}`,
      }[reading.state];
    }
    return done ? "done" : bytes > 0 ? size(bytes) : "";
  }

  /** @param {SourceInfo} source @returns {Node[]} */
  #proxyAgain({ source }) {
    const proxy = this.#app.proxies.get(source);
    if (proxy?.state !== "closed") return [];
    return [el("button", { type: "button", "data-proxy": source, "data-key": `proxy ${source}` }, "Connect again")];
  }

  /** @param {ConnectionInfo} connection */
  #line(connection) {
    const {
      connection: number,
      state,
      violations,
      findings,
      frames,
      bytes,
      client,
      server,
      subprotocol,
      extensions,
    } = connection;
    const [sign, word] = STATES[state] ?? ["", state];
    const isHere = this.#app.view.connection === number;
    const numbers = `${grouped(frames[0])}\u2009→ ${grouped(frames[1])}\u2009← · ${size(bytes[0] + bytes[1])}`;
    return el(
      "li",
      {},
      el(
        "button",
        {
          class: "connection",
          type: "button",
          "data-connection": number,
          "data-key": `connection ${number}`,
          "data-state": state,
          "aria-pressed": String(isHere),
          title: [
            connection.host + connection.target,
            `${client} → ${server}`,
            subprotocol ?? "",
            extensions,
            ...findings.map(({ name, severity }) => `${SIGNS[severity]} ${sentenceOf(name)}`),
          ]
            .filter((part) => part !== "")
            .join("\n"),
        },
        el("span", { class: "connection-number", "data-tint": number % 8 }, String(number)),
        el("span", { class: "connection-label" }, this.#labelOf(connection)),
        el(
          "span",
          { class: "connection-words" },
          el("span", { class: "connection-state", "data-state": state }, `${sign} ${word}`),
          ` · ${numbers}`,
          violations > 0 ? el("span", { class: "connection-bad" }, ` · ⚠ ${grouped(violations)}`) : null,
          findings.length > 0
            ? el("span", { class: "connection-bad" }, ` · ⚑ ${count(findings.length, "finding")}`)
            : null,
        ),
      ),
    );
  }

  /** Its name; where others of the same source have the same, the client's port in place of the host. @param {ConnectionInfo} one */
  #labelOf(one) {
    const name = nameOf(one);
    const isAlone = this.#connections.every(
      (other) => other.connection === one.connection || other.source !== one.source || nameOf(other) !== name,
    );
    const port = /:\d+$/u.exec(one.client)?.[0] ?? "";
    return isAlone || port === "" || one.target === "" ? name : `${one.target} · ${port}`;
  }

  /** @param {MouseEvent} event */
  #clicked({ target }) {
    const button = target instanceof Element ? target.closest("button") : null;
    if (!button) return;
    const { connection, remove, more, assume, proxy } = button.dataset;
    if (connection !== undefined) {
      const number = connection === "" ? null : Number(connection);
      // Once more: all again.
      void this.#app.setView({ connection: number === this.#app.view.connection ? null : number });
      this.onChosen();
    } else if (remove !== undefined) void this.#remove(Number(remove));
    else if (more !== undefined) {
      this.#whole.add(Number(more));
      this.render();
    } else if (assume !== undefined) {
      const [number, at] = assume.split(" ").map(Number);
      const source = this.#app.sources.find((one) => one.source === number);
      const stream = source?.unread[at ?? 0];
      if (source && stream) this.onAssume(source, stream);
    } else if (proxy !== undefined) {
      const source = Number(proxy);
      const state = this.#app.proxies.get(source);
      if (state?.isRefused) this.onRefused(source, state.name);
      else void this.#app.reconnectProxy(source);
    }
  }

  /** What can be done with a connection. @param {MouseEvent} event */
  #menu(event) {
    const button = event.target instanceof Element ? event.target.closest("button.connection") : null;
    if (!(button instanceof HTMLElement)) return;
    event.preventDefault();
    const number = Number(button.dataset.connection);
    const known = this.connection(number);
    const { left, bottom } = button.getBoundingClientRect();
    const at = event.clientX > 0 ? { x: event.clientX, y: event.clientY } : { x: left + 24, y: bottom };
    const app = this.#app;
    const alone = () => app.setView({ connection: number, filter: "", between: null });
    openMenu(
      `Connection ${number}`,
      [
        { title: "List its rows alone", run: () => void alone() },
        { title: "Hide its rows", run: () => void app.setView({ filter: both(app.view.filter, `conn != ${number}`) }) },
        { title: "Its conversation", run: () => void alone().then(() => app.openTool("conversation", number)) },
        ...(known?.findings ?? []).map(({ name, severity, row }) => ({
          title: `${SIGNS[severity]} ${name}: its row`,
          run: () => void app.choose(row),
        })),
        { title: "Its first row", run: () => known && app.choose(known.firstRow) },
        { title: "Copy its address", run: () => void app.copy(known ? known.host + known.target : "", "The address") },
      ],
      at,
    );
  }

  /** @param {number} source */
  async #remove(source) {
    const { view } = this.#app;
    const isShown = this.#connections.some(
      (connection) => connection.connection === view.connection && connection.source === source,
    );
    await this.#app.removeSource(source);
    if (isShown) await this.#app.setView({ connection: null });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || !(event.target instanceof HTMLElement)) return;
    /** @type {HTMLElement[]} */
    const buttons = [...this.#root.querySelectorAll("button")];
    const at = buttons.indexOf(event.target);
    event.preventDefault();
    buttons[Math.min(Math.max(0, at + step), buttons.length - 1)]?.focus();
  }
}

/** What a connection is called where there is little room: what was asked for, and of whom. @param {ConnectionInfo} connection */
export function nameOf({ label, host, target, server }) {
  return target === "" ? label || server : `${target} · ${host || server}`;
}
