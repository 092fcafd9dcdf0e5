// @ts-check
// What stands in the list where there is no row: what to do first, and why there is nothing.

import { byId, el, on } from "../lib/dom.js";
import { COMMANDS } from "../lib/wasm.js";
import { openSample, SAMPLES } from "./samples.js";

/** @import { Inspector } from "./inspector.js" */

/** @typedef {"" | "not-built" | "held" | "filtered" | "reading" | "waiting" | "ready-own" | "ready-all" | "ready-proxy"} Kind */

export class Empty {
  #app;
  #root = byId("empty", HTMLElement);
  #open;

  /**
   * @param {Inspector} app
   * @param {() => void} open opens a connection of this page
   */
  constructor(app, open) {
    this.#app = app;
    this.#open = open;
  }

  /** @param {Kind} kind */
  show(kind) {
    if (this.#root.dataset.kind === kind) return;
    this.#root.dataset.kind = kind;
    this.#root.hidden = kind === "";
    this.#root.replaceChildren(...this.#parts(kind));
  }

  /** @param {Kind} kind @returns {Node[]} */
  #parts(kind) {
    switch (kind) {
      case "not-built":
        return notBuilt();
      case "held":
        return [
          title("Held still"),
          text("Frames are being captured behind this page. Press Pause again to see them."),
        ];
      case "filtered":
        return [
          title("No row is in this view"),
          text("There are rows, but the filter, the connection or the time range lets none of them through."),
          this.#button("Show all", () => void this.#app.setView({ filter: "", connection: null, between: null })),
        ];
      case "reading":
        return [title("Reading"), text("The first rows appear as soon as they are read.")];
      case "waiting":
        return [
          title("Waiting for the live feed"),
          text("Frames appear here as soon as this page is connected to the server."),
        ];
      case "ready-own":
      case "ready-all":
      case "ready-proxy":
        return this.#ready(kind);
      default:
        return [];
    }
  }

  /** @param {Kind} kind */
  #ready(kind) {
    const ways =
      kind === "ready-proxy"
        ? [
            text(
              "This is the inspector of a proxy: whatever its clients and their server say to each other is shown here, as it passes. Point a client at the proxy.",
            ),
          ]
        : [
            text(
              kind === "ready-all"
                ? "As the operator you see the raw bytes of every WebSocket on this server, whoever opened it, but for cookies and other credentials. What is open already shows itself. One click opens another and says hello:"
                : "This page sees the raw bytes of every WebSocket that this browser session opens on this server, opening handshake included, and of nobody else’s. One click opens one and says hello:",
            ),
            this.#button("Open a connection", this.#open, "primary large"),
            text("Then send more with the line above, or use /test-websocket in another tab."),
          ];
    return [title("Every frame, bit by bit"), ...ways, ...this.#files()];
  }

  /** @returns {Node[]} */
  #files() {
    const files = text("Or drop a capture anywhere on this page: pcapng, pcap, HAR, NetLog, hex; or paste bytes. ");
    files.append(this.#button("Choose files", () => byId("files-open", HTMLButtonElement).click(), "link"));
    const samples = SAMPLES.map(({ name, title, says }) =>
      el(
        "li",
        { class: "sample" },
        this.#button(title, () => void openSample(this.#app, name), "link"),
        el("span", { class: "note" }, says),
      ),
    );
    return [
      files,
      el("p", { class: "empty-label" }, "Nothing at hand? Look at one of these:"),
      el("ul", { class: "samples" }, ...samples),
    ];
  }

  /** @param {string} words @param {() => void} act @param {string} [look] */
  #button(words, act, look = "") {
    const button = el("button", { class: look, type: "button" }, words);
    on(button, "click", act);
    return button;
  }
}

function notBuilt() {
  return [
    title("The decoder is not built"),
    text(
      "This page decodes frames with Framescope’s own codec, compiled to wasm. That module is missing. In the root of the repository, run",
    ),
    el("code", { class: "command" }, COMMANDS.make),
    text("or, with wasm-pack installed, the plain command:"),
    el("code", { class: "command" }, COMMANDS.build),
    text("and reload. All the rest of the server works without it. The module’s own tests run in a headless browser:"),
    el("code", { class: "command" }, COMMANDS.test),
  ];
}

/** @param {string} words */
function title(words) {
  return el("h2", { class: "empty-title" }, words);
}

/** @param {string} words */
function text(words) {
  return el("p", { class: "empty-text" }, words);
}
