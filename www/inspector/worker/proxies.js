// @ts-check
// Proxies elsewhere: their live tap through the tunnel, with the module's own client, which may send a header that a
// browser's WebSocket may not.

import { loadClient } from "../../lib/wasm.js";

/** @import { ProxyState } from "../link.js" */
/** @import { WebSocketClient } from "../../pkg/client/framescope_wasm.js" */
/** @import { Context } from "./types.js" */

/** Whole blocks come in a message; a tap never sends more at once. */
const MESSAGE_MAX = 64 << 20;

export class Proxies {
  #context;
  /** @type {Map<number, WebSocketClient>} */
  #clients = new Map();

  methods = {
    /**
     * @param {string} url of its live tap
     * @param {string} token
     * @param {string} name
     * @param {number} [source] the one it had, if it is connected anew
     */
    open: (url, token, name, source) => this.#open(url, token, name, source),
    /** @param {number} source */
    close: (source) => {
      this.#clients.get(source)?.close(1000);
      this.#clients.delete(source);
    },
  };

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
  }

  /** @param {string} url @param {string} token @param {string} name @param {number} [again] */
  async #open(url, token, name, again) {
    const { capture, changed, tell } = this.#context;
    const { WebSocketClient } = await loadClient();
    const headers = token === "" ? {} : { headers: { Authorization: `Bearer ${token}` } };
    const client = new WebSocketClient(url, { ...headers, messageMax: MESSAGE_MAX });
    const source = again ?? capture.addSource("proxy", name);
    if (again !== undefined) capture.restart(source);
    this.#clients.set(source, client);
    /** @param {ProxyState["state"]} state @param {string} [words] @param {boolean} [isRefused] */
    const say = (state, words = "", isRefused = false) => {
      // One that was closed, or connected anew, is not spoken of any more.
      if (this.#clients.get(source) === client || state === "closed")
        tell({ type: "proxy", proxy: { source, name, url, state, words, isRefused } });
    };
    let trouble = "";
    say("opening");
    // It stands in the list before the first byte: some servers never send one.
    changed();
    client.on("open", () => say("open"));
    client.on("message", (data) => {
      capture.feed(source, data);
      changed();
    });
    client.on("error", (error) => {
      trouble = error.message;
    });
    client.on("close", (code, reason) => {
      // Connected anew meanwhile: what comes now is another's.
      if (this.#clients.has(source) && this.#clients.get(source) !== client) return;
      capture.finish(source);
      changed();
      const isRefused = /\b40[13]\b/u.test(trouble);
      say(
        "closed",
        isRefused ? `refused: is this its token? (${trouble})` : trouble || reason || `closed with ${code}`,
        isRefused,
      );
      this.#clients.delete(source);
    });
    return source;
  }
}
