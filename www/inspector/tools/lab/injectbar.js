// @ts-check
// Which of the proxy's connections bytes go into, and as whose.

import { el, on } from "../../../lib/dom.js";
import { ProxyDesk } from "../intercept/proxydesk.js";
import { box, choice, Fields } from "./fields.js";

/** @import { App } from "../../app.js" */
/** @import { Log } from "./log.js" */
/** @import { Write } from "./writes.js" */

export class InjectBar {
  #desk;
  #fields;
  #which;
  #state = el("span", { class: "lab-state", role: "status" });

  /**
   * @param {HTMLElement} root
   * @param {App} app
   * @param {() => void} changed
   */
  constructor(root, app, changed) {
    this.#fields = new Fields(changed, app.signal);
    this.#which = choice([]);
    const directions = choice([
      ["c2s", "to the server, as the client"],
      ["s2c", "to the client, as the server"],
    ]);
    root.append(
      this.#fields.add("which", "Into connection", this.#which),
      this.#fields.add("direction", "Way", directions),
      this.#fields.add("force", "Even if it breaks what follows", box(), {
        hint: "In the middle of a message, or where others are compressed against what was sent before",
      }),
      this.#state,
    );
    on(directions, "change", () => this.onTurned(this.direction), app.signal);
    const ignore = () => {};
    this.#desk = new ProxyDesk(
      {
        changed: () => {
          this.#render();
          changed();
        },
        // Nothing is held by this desk: the panel for that has its own.
        held: ignore,
        released: ignore,
        problem: ignore,
        unheld: ignore,
        refused: ignore,
      },
      app.signal,
    );
    this.#render();
  }

  /** The other way was chosen. @type {(direction: "c2s" | "s2c") => void} */
  onTurned = () => {};

  get direction() {
    return this.#fields.value("direction") === "s2c" ? /** @type {const} */ ("s2c") : /** @type {const} */ ("c2s");
  }

  get isOpen() {
    return this.#desk.trouble === "" && this.#which.value !== "";
  }

  /**
   * Puts these in, one after the other.
   *
   * @param {Write[]} writes
   * @param {{ name: string, text: string }[]} items words for each frame, in their order
   * @param {Log} log
   * @param {AbortSignal} signal
   */
  async send(writes, items, log, signal) {
    const connection = Number(this.#which.value);
    const { direction } = this;
    const isForced = this.#fields.value("force") === true;
    log.add(
      "note",
      "inject",
      `${writes.length === 1 ? "1 write" : `${writes.length} writes`} into connection ${connection}`,
    );
    let at = 0;
    for (const { bytes, pause, frames } of writes) {
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
      if (signal.aborted) return;
      const refusal = await this.#desk.inject(connection, direction, bytes, isForced);
      if (refusal) {
        const can = refusal.canForce ? ". It can be done all the same, if you say so above." : "";
        log.add("bad", "not sent", `${refusal.why}${can}`);
        return;
      }
      for (const { name, text } of items.slice(at, at + frames)) log.add("sent", name, text);
      at += frames;
    }
  }

  #render() {
    const { connections, trouble } = this.#desk;
    const { value } = this.#which;
    this.#which.replaceChildren(
      ...connections.map(({ connection, client, path }) =>
        el("option", { value: connection }, `${connection}: ${client} ${path}`),
      ),
    );
    if (connections.some(({ connection }) => String(connection) === value)) this.#which.value = value;
    this.#state.textContent =
      trouble ||
      (connections.length === 0
        ? "Nothing passes through the proxy now."
        : "What goes out stands in the list, as the receiver got it.");
    this.#state.dataset.state = trouble ? "closed" : "open";
  }
}
