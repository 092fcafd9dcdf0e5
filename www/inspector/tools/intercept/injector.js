// @ts-check
// Frames that nobody sent: composed here, and put into an open connection, either way.

import { el, on } from "../../../lib/dom.js";
import { Decoded } from "../lab/decoded.js";
import { make, newBeside, newFrame, newPasted } from "../lab/frame.js";
import { FrameForm } from "../lab/frameform.js";
import { DIRECTIONS } from "./list.js";

/** @import { App } from "../../app.js" */
/** @import { Beside, Item } from "../lab/frame.js" */
/** @import { Modules } from "../lab/modules.js" */
/** @import { Board } from "./board.js" */
/** @import { Connection, Direction } from "./types.d.ts" */

export class Injector {
  #app;
  #modules;
  #board;
  #root;
  #form;
  #decoded;
  #connection = el("select", { id: "inject-connection" });
  #direction = el(
    "select",
    { id: "inject-direction" },
    ...Object.entries(DIRECTIONS).map(([value, label]) => el("option", { value }, label)),
  );
  #force = el("input", { type: "checkbox", id: "inject-force" });
  #send = el("button", { class: "primary", type: "button", title: "Ctrl Enter" }, "Inject");
  #asBytes = el("button", { class: "quiet", type: "button", "aria-pressed": "false" }, "As raw bytes");
  #note = el("p", { class: "tool-note", role: "status" });
  /** @type {Item} */
  #item = { ...newFrame(), masked: false };
  /** @type {Beside} */
  #beside = newBeside();

  /** @param {HTMLElement} root @param {App} app @param {Modules} modules @param {Board} board */
  constructor(root, app, modules, board) {
    this.#root = root;
    this.#app = app;
    this.#modules = modules;
    this.#board = board;
    const { signal } = app;
    this.#direction.value = "s2c";
    const form = el("section", { class: "lab-frame", "aria-label": "The frame to inject" });
    const decoded = el("section", { class: "lab-decoded", "aria-label": "Decoded" });
    root.append(
      el(
        "div",
        { class: "tool-bar" },
        el("label", { for: "inject-connection" }, "Into"),
        this.#connection,
        el("label", { class: "unseen", for: "inject-direction" }, "Direction"),
        this.#direction,
        this.#send,
        this.#asBytes,
        el(
          "span",
          { class: "intercept-force", title: "Also where it breaks the sender’s message, or is no whole frame" },
          this.#force,
          el("label", { for: "inject-force" }, "Force"),
        ),
      ),
      this.#note,
      el("div", { class: "intercept-sides" }, form, decoded),
    );
    this.#form = new FrameForm(form, { changed: () => this.#render(), signal });
    this.#decoded = new Decoded(decoded, app);
    on(this.#send, "click", () => void this.#inject(), signal);
    on(this.#asBytes, "click", () => this.#toggleBytes(), signal);
    on(this.#direction, "change", () => this.#turn(), signal);
    on(
      root,
      "keydown",
      (event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        event.stopPropagation();
        void this.#inject();
      },
      signal,
    );
    this.#form.show(this.#item, this.#beside);
    this.#render();
  }

  /** Where to there may be injected has changed. */
  refresh() {
    const { connections } = this.#board;
    const { value } = this.#connection;
    const options = connections.map((one) => el("option", { value: keyOf(one) }, labelOf(one)));
    this.#connection.replaceChildren(...options);
    if (connections.some((one) => keyOf(one) === value)) this.#connection.value = value;
    else if (connections.length > 0) this.#connection.value = keyOf(/** @type {Connection} */ (connections.at(-1)));
    this.#connection.disabled = connections.length === 0;
    this.#send.disabled = connections.length === 0;
    if (connections.length === 0) this.#note.textContent = "No connection is open.";
    else if (this.#note.textContent === "No connection is open.") this.#note.textContent = "";
  }

  get #isFromClient() {
    return this.#direction.value === "c2s";
  }

  /** Whoever sends says whether it is masked. */
  #turn() {
    if (this.#item.type === "frame") {
      this.#item.masked = this.#isFromClient;
      this.#form.show(this.#item, this.#beside);
    }
    this.#render();
  }

  #toggleBytes() {
    this.#item =
      this.#item.type === "frame"
        ? { ...newPasted(), text: [...this.#make().bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ") }
        : { ...newFrame(), masked: this.#isFromClient };
    this.#form.show(this.#item, this.#beside);
    this.#render();
  }

  #make() {
    return make(this.#item, this.#beside, this.#modules, null);
  }

  #render() {
    const { bytes, problems } = this.#make();
    this.#form.judge(problems);
    this.#asBytes.setAttribute("aria-pressed", String(this.#item.type === "bytes"));
    // The cast: the options are made of these.
    const direction = /** @type {Direction} */ (this.#direction.value);
    this.#decoded.show(bytes, JSON.parse(this.#modules.explain(direction, undefined, bytes, true)), "");
  }

  async #inject() {
    const { bytes, problems } = this.#make();
    const into = this.#board.connections.find((one) => keyOf(one) === this.#connection.value);
    if (problems.length > 0 || !into) {
      this.#app.say(problems[0]?.says ?? "No connection is open.", "warn");
      return;
    }
    // The cast: as above.
    const direction = /** @type {Direction} */ (this.#direction.value);
    this.#note.textContent = "It waits for the end of a frame that is on its way.";
    const refusal = await into.desk.inject(into.connection, direction, bytes, this.#force.checked);
    this.#root.dataset.refused = String(refusal !== null);
    this.#note.textContent = refusal
      ? `Not injected: ${refusal.why}${refusal.canForce ? ". Force does it all the same." : "."}`
      : `Injected into ${labelOf(into)}, ${DIRECTIONS[direction]}.`;
    if (!refusal) {
      this.#beside = newBeside();
      this.#form.show(this.#item, this.#beside);
      this.#render();
    }
  }
}

/** @param {Connection} connection */
function keyOf({ desk, connection }) {
  return `${desk.name}-${connection}`;
}

/** @param {Connection} connection */
function labelOf({ desk, connection, client, path }) {
  return desk.name === "proxy" ? `${connection}: ${client} ${path}` : `own ${connection}: ${path}`;
}
